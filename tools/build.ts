// Builds what is missing or out of date: the WebAssembly binaries, the worker's source, the native addon
// and dist. Arguments: `--quiet` prints nothing where nothing is to do; stage names limit the work, e.g.
// `node tools/build.mjs engines` leaves dist alone. Each stage: ./stages.
import { buildAddon } from './stages/addon.js';
import { type BuildContext, withLock } from './stages/cache.js';
import { buildDist } from './stages/dist.js';
import { buildWasm, runWasmJob } from './stages/wasm.js';
import { buildWorker } from './stages/worker.js';

await runWasmJob(); // this file is also the program of the wasm compiler's threads

/** Runs the stages; gives the process's exit code. */
export async function build(root: string, args: readonly string[]): Promise<number> {
  const stages = args.filter((arg) => !arg.startsWith('-'));
  const wants = (...names: string[]): boolean => stages.length === 0 || names.some((name) => stages.includes(name));
  const isQuiet = args.includes('--quiet');
  const context: BuildContext = { root, isQuiet, log: (line) => console.log(`fovea: ${line}`) };
  const started = performance.now();
  try {
    return await withLock(context, async () => {
      // The addon's compilers are processes of their own, so they run beside the wasm compiler.
      const addon = wants('engines', 'addon') ? buildAddon(context) : Promise.resolve(false);
      addon.catch(() => undefined);
      let built = wants('engines', 'wasm') ? await buildWasm(context) : false;
      if (wants('engines', 'worker', 'wasm')) built = (await buildWorker(context)) || built;
      built = (await addon) || built;
      if (wants('dist')) built = (await buildDist(context)) || built;
      if (built || !isQuiet) {
        const seconds = ((performance.now() - started) / 1000).toFixed(1);
        context.log(built ? `built in ${seconds} s.` : `up to date (${seconds} s).`);
      }
      return 0;
    });
  } catch (error) {
    console.error(`fovea: the build failed. ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}
