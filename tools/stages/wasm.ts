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
const COMPILE = [
  ...['--target=wasm32', '-c', '-O2', '-msimd128', '-matomics', '-mbulk-memory'],
  ...['-mllvm', '-pre-RA-sched=source', '-Xclang', '-disable-llvm-verifier'],
  ...['-std=c++17', '-nostdlib', '-nostdinc++', '-ffreestanding', '-ffp-contract=fast', '-fno-math-errno'],
  ...['-fno-trapping-math', '-fno-exceptions', '-fno-rtti', '-fvisibility=hidden'],
  ...['-DFOVEA_LEVEL=wasm', '-DFOVEA_WASM_TABLE=foveaLevel_wasm'],
];
const FEATURES: Record<Variant, string[]> = { simd128: [], relaxed: ['-mrelaxed-simd'] };
const SOURCES = ['runtime.cc', 'wasm.cc', 'level.cc'];
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
  // A variant has tiles of its own size, so nothing of it serves the other.
  await Promise.all(
    VARIANTS.map(async (variant) => finish(variant, await runInThread({ root, files, version, variant }))),
  );
  markFresh(context, 'wasm', key, outputs);
  return true;
}

interface WasmJob {
  root: string;
  files: string[];
  version: string;
  variant: Variant;
}

type Reply = { binary: Uint8Array } | { error: string };

/** clang from npm computes in the thread that calls it. */
function runInThread(wasmJob: WasmJob): Promise<Uint8Array> {
  const worker = new Worker(new URL(import.meta.url), { workerData: { wasmJob } });
  return new Promise((resolve, reject) => {
    worker.on('message', (reply: Reply) => {
      if ('error' in reply) reject(new Error(reply.error));
      else resolve(reply.binary);
    });
    worker.on('error', reject);
  });
}

/** In such a thread: compiles and sends back the binary, or what went wrong. */
export async function runWasmJob(): Promise<void> {
  const { wasmJob } = (workerData ?? {}) as { wasmJob?: WasmJob };
  if (isMainThread || wasmJob === undefined) return;
  const reply = (message: Reply): void => parentPort?.postMessage(message);
  try {
    reply({ binary: await compile(wasmJob) });
  } catch (error) {
    reply({ error: error instanceof Error ? error.message : String(error) });
  }
}

async function compile({ root, files, version, variant }: WasmJob): Promise<Uint8Array> {
  const context: BuildContext = { root, isQuiet: true, log: () => undefined };
  const tree: Tree = {};
  for (const file of files) tree[file.slice('kernels/cpu/'.length)] = readFileSync(join(root, file));
  const objects: string[] = [];
  for (const source of SOURCES) {
    const args = [...COMPILE, ...FEATURES[variant]];
    const object = source.replace('.cc', '.o');
    const kept = `build/wasm/${variant}-${object}`;
    const key = hashInputs(root, objectInputs(root, source), [version, ...args]);
    if (!isFresh(context, `wasm-${variant}-${object}`, key)) {
      writeBeside(join(root, kept), await run('clang++', [...args, source], object, tree));
      markFresh(context, `wasm-${variant}-${object}`, key, [kept]);
    }
    tree[object] = readFileSync(join(root, kept));
    objects.push(object);
  }
  return run('wasm-ld', [...objects, ...LINK], 'fovea.wasm', tree);
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
