// `npm run sanitize`: builds the native engine with AddressSanitizer and UndefinedBehaviorSanitizer (build/sanitized)
// and runs the engine's tests on every level of this machine with it. `npm run sanitize -- tests/x.test.ts` runs others.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { buildSanitizedAddon } from './stages/addon.js';
import { type BuildContext, withLock } from './stages/cache.js';

// What computes with kernels, and random configurations of every layer; the other tests of the engine are of its TypeScript.
const TESTS = [
  ...['parity', 'special-values', 'large-results', 'convolution-error', 'bfloat16', 'tensors', 'prepare', 'engines'],
  ...['threads', 'choices', 'amx'],
]
  .map((name) => `tests/engine/${name}.test.ts`)
  .concat('tests/nn/fuzz-layers.test.ts');

async function main(): Promise<number> {
  const root = `${process.cwd()}/`; // `npm run` starts programs in the package's folder
  const started = performance.now();
  const log = (line: string): void => console.log(`sanitize: ${line}`);
  const context: BuildContext = { root, isQuiet: false, log };
  const { addon, preload } = await withLock(context, () => buildSanitizedAddon(context));
  const named = process.argv.slice(2);
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  // Node frees little at its end, and V8 handles faults of WebAssembly's memory itself.
  const options = 'detect_leaks=0:handle_segv=0:allow_user_segv_handler=1:abort_on_error=0';
  const { status } = spawnSync(
    process.execPath,
    [vitest, 'run', '--testTimeout=600000', ...(named.length > 0 ? named : TESTS)],
    {
      stdio: 'inherit',
      env: {
        ...process.env,
        LD_PRELOAD: preload,
        ASAN_OPTIONS: options,
        UBSAN_OPTIONS: 'print_stacktrace=1',
        NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --require=${join(root, 'tools/sanitize-preload.cjs')}`,
        FOVEA_SANITIZED: addon,
        FOVEA_EXPECT_NATIVE: '1',
      },
    },
  );
  log(`${status === 0 ? 'nothing found' : 'FAILED'} in ${Math.round((performance.now() - started) / 1000)} s.`);
  return status ?? 1;
}

process.exitCode = await main();
