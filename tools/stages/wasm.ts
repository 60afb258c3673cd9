// kernels/cpu to WebAssembly with clang from npm: one binary with SIMD128, one with relaxed SIMD too.
// Both are deflated and inlined as text in src/engine/wasm/binary-*.generated.ts, so that nobody has to
// tell a bundler where a .wasm file lies.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { Tree } from '@yowasp/clang';
import { deflateSync } from 'fflate';
import {
  type BuildContext,
  hashInputs,
  isFresh,
  listFiles,
  markFresh,
  objectInputs,
  packageVersion,
  writeBeside,
} from './cache.js';

const VARIANTS = ['simd128', 'relaxed'] as const;
type Variant = (typeof VARIANTS)[number];

// The scheduler's default order hoists the splats of a micro-kernel and spills its accumulators.
const MACHINE = [
  ...['--target=wasm32', '-c', '-O2', '-msimd128', '-matomics', '-mbulk-memory'],
  ...['-mllvm', '-pre-RA-sched=source', '-Xclang', '-disable-llvm-verifier'],
];
const COMPILE = [
  ...MACHINE,
  ...['-std=c++17', '-nostdlib', '-nostdinc++', '-ffreestanding', '-ffp-contract=fast', '-fno-math-errno'],
  ...['-fno-trapping-math', '-fno-exceptions', '-fno-rtti', '-fvisibility=hidden'],
  ...['-DFOVEA_LEVEL=wasm', '-DFOVEA_WASM_TABLE=foveaLevel_wasm'],
];
// The variants differ in instructions alone, so the kernels are parsed and optimised once, to bitcode, and each
// variant is only generated from it. A whole module is generated for the features that any function in it has:
// one function with relaxed SIMD, linked to the bitcode, is what makes the second variant.
const SHARED: Record<string, { source: string; flags: string[] }> = {
  'runtime.o': { source: 'runtime.cc', flags: [] },
  'wasm.o': { source: 'wasm.cc', flags: [] },
  'level.bc': { source: 'level.cc', flags: ['-emit-llvm'] },
  'relaxed.bc': { source: 'relaxed.cc', flags: ['-emit-llvm', '-mrelaxed-simd'] },
};
const RELAXED = 'extern "C" int foveaRelaxed(int value) { return value; }\n';
const GENERATE: Record<Variant, string[]> = {
  simd128: [],
  relaxed: ['-Xclang', '-mlink-bitcode-file', '-Xclang', 'relaxed.bc'],
};
const LINK = [
  ...['--no-entry', '--import-memory', '--shared-memory', '--max-memory=4294967296', '--strip-all'],
  ...['--export=__heap_base', '--export=__stack_pointer'],
];

/** Gives whether anything was built. */
export async function buildWasm(context: BuildContext): Promise<boolean> {
  const { root } = context;
  const files = listFiles(root, 'kernels/cpu', ['.h', '.cc']).filter((file) => !file.endsWith('/addon.cc'));
  const version = packageVersion(root, '@yowasp/clang');
  const own = readFileSync(join(root, 'tools/stages/wasm.ts'), 'utf8');
  const outputs = VARIANTS.map((variant) => `src/engine/wasm/binary-${variant}.generated.ts`);
  const key = hashInputs(root, files, [own, version]);
  if (isFresh(context, 'wasm', key)) return false;
  const started = performance.now();
  const finish = (variant: Variant, binary: Uint8Array): void => {
    writeBeside(join(root, outputs[VARIANTS.indexOf(variant)] as string), binaryModule(binary));
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    context.log(`wasm ${variant}: ${Math.round(binary.length / 1024)} KiB in ${seconds} s.`);
  };
  // The first thread goes on with its variant when what both share is there.
  const job = { root, files, version };
  const [shared, simd128] = runInThread({ ...job, variant: 'simd128', makesShared: true });
  const relaxed = shared.then(() => runInThread({ ...job, variant: 'relaxed', makesShared: false })[1]);
  await Promise.all([
    simd128.then((binary) => finish('simd128', binary)),
    relaxed.then((binary) => finish('relaxed', binary)),
  ]);
  markFresh(context, 'wasm', key, outputs);
  return true;
}

interface WasmJob {
  root: string;
  files: string[];
  version: string;
  variant: Variant;
  makesShared: boolean;
}

type Reply = { isSharedMade: true } | { binary: Uint8Array } | { error: string };

/** clang from npm computes in the thread that calls it. Gives when what is shared is made, and the binary. */
function runInThread(wasmJob: WasmJob): [Promise<void>, Promise<Uint8Array>] {
  const worker = new Worker(new URL(import.meta.url), { workerData: { wasmJob } });
  let isMade = (): void => undefined;
  const shared = new Promise<void>((resolve) => {
    isMade = resolve;
  });
  const binary = new Promise<Uint8Array>((resolve, reject) => {
    worker.on('message', (reply: Reply) => {
      if ('error' in reply) reject(new Error(reply.error));
      else if ('binary' in reply) resolve(reply.binary);
      else isMade();
    });
    worker.on('error', reject);
  });
  return [shared, binary];
}

/** In such a thread: compiles and sends back the binary, or what went wrong. */
export async function runWasmJob(): Promise<void> {
  const { wasmJob } = (workerData ?? {}) as { wasmJob?: WasmJob };
  if (isMainThread || wasmJob === undefined) return;
  const reply = (message: Reply): void => parentPort?.postMessage(message);
  try {
    if (wasmJob.makesShared) {
      await makeShared(wasmJob);
      reply({ isSharedMade: true });
    }
    reply({ binary: await generate(wasmJob) });
  } catch (error) {
    reply({ error: error instanceof Error ? error.message : String(error) });
  }
}

const keptFile = (root: string, name: string): string => join(root, 'build/wasm', name);

async function makeShared({ root, files, version }: WasmJob): Promise<void> {
  const context: BuildContext = { root, isQuiet: true, log: () => undefined };
  const tree: Tree = { 'relaxed.cc': RELAXED };
  for (const file of files) tree[file.slice('kernels/cpu/'.length)] = readFileSync(join(root, file));
  for (const [output, { source, flags }] of Object.entries(SHARED)) {
    const args = [...COMPILE, ...flags];
    const inputs = source === 'relaxed.cc' ? [] : objectInputs(root, source);
    const key = hashInputs(root, inputs, [version, RELAXED, ...args]);
    if (isFresh(context, `wasm-${output}`, key)) continue;
    writeBeside(keptFile(root, output), await run('clang++', [...args, source], output, tree));
    markFresh(context, `wasm-${output}`, key, [`build/wasm/${output}`]);
  }
}

async function generate({ root, version, variant }: WasmJob): Promise<Uint8Array> {
  const context: BuildContext = { root, isQuiet: true, log: () => undefined };
  const tree: Tree = {};
  for (const output of Object.keys(SHARED)) tree[output] = readFileSync(keptFile(root, output));
  const args = [...MACHINE, ...GENERATE[variant], '-Xclang', '-disable-llvm-passes', '-x', 'ir', 'level.bc'];
  const object = `build/wasm/level-${variant}.o`;
  const key = hashInputs(root, ['build/wasm/level.bc', 'build/wasm/relaxed.bc'], [version, ...args]);
  if (!isFresh(context, `wasm-level-${variant}`, key)) {
    writeBeside(join(root, object), await run('clang++', args, 'level.o', tree));
    markFresh(context, `wasm-level-${variant}`, key, [object]);
  }
  tree['level.o'] = readFileSync(join(root, object));
  return run('wasm-ld', ['runtime.o', 'wasm.o', 'level.o', ...LINK], 'fovea.wasm', tree);
}

/** Runs a tool on a tree of files and gives the file that it makes. */
async function run(tool: 'clang++' | 'wasm-ld', args: string[], output: string, tree: Tree): Promise<Uint8Array> {
  // Loading the package costs a tenth of a second, so only when there is something to compile.
  const { commands, runLLVM } = await import('@yowasp/clang');
  await runLLVM(undefined, {}, { fetchProgress: () => undefined }); // else it prints its progress
  const decoder = new TextDecoder();
  let text = '';
  const collect = (bytes: Uint8Array | null): void => {
    if (bytes !== null) text += decoder.decode(bytes, { stream: true });
  };
  try {
    const made = await commands[tool]([...args, '-o', output], tree, { stdout: collect, stderr: collect });
    return made?.[output] as Uint8Array;
  } catch (error) {
    throw new Error(`kernels/cpu does not compile to WebAssembly:\n${text}${text === '' ? String(error) : ''}`);
  }
}

function binaryModule(binary: Uint8Array): string {
  const text = Buffer.from(deflateSync(binary, { level: 9 })).toString('base64');
  return [
    '// Made by tools/stages/wasm.ts from kernels/cpu.',
    `export const byteLength: number = ${binary.length};`,
    `export const binary: string =\n  '${text}';\n`,
  ].join('\n');
}
