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

const VARIANTS = { simd128: ['-msimd128'], relaxed: ['-msimd128', '-mrelaxed-simd'] } as const;
type Variant = keyof typeof VARIANTS;

const SOURCES = ['runtime.cc', 'wasm.cc', 'level.cc'];
// The scheduler's default order hoists the splats of a micro-kernel and spills its accumulators.
const COMPILE = [
  ...['--target=wasm32', '-c', '-O3', '-std=c++17', '-nostdlib', '-nostdinc++', '-ffreestanding'],
  ...['-matomics', '-mbulk-memory', '-ffp-contract=fast', '-fno-math-errno', '-fno-trapping-math'],
  ...['-fno-exceptions', '-fno-rtti', '-fvisibility=hidden', '-mllvm', '-pre-RA-sched=source'],
];
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
  const variants = Object.keys(VARIANTS) as Variant[];
  const outputs = variants.map((variant) => `src/engine/wasm/binary-${variant}.generated.ts`);
  const key = hashInputs(root, files, [own, version]);
  if (isFresh(context, 'wasm', key)) return false;
  await Promise.all(
    variants.map(async (variant, i) => {
      const started = performance.now();
      const binary = await compileInThread({ root, files, variant, version });
      writeBeside(join(root, outputs[i] as string), binaryModule(binary));
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      context.log(`wasm ${variant}: ${Math.round(binary.length / 1024)} KiB in ${seconds} s.`);
    }),
  );
  markFresh(context, 'wasm', key, outputs);
  return true;
}

interface WasmJob {
  root: string;
  files: string[];
  variant: Variant;
  version: string;
}

/** clang from npm computes in the thread that calls it: each variant gets one of its own. */
function compileInThread(job: WasmJob): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { wasmJob: job } });
    worker.on('message', (reply: Uint8Array | string) => {
      if (typeof reply === 'string') reject(new Error(reply));
      else resolve(reply);
    });
    worker.on('error', reject);
  });
}

/** In such a thread: compiles and sends back the binary, or what went wrong. */
export async function runWasmJob(): Promise<void> {
  const { wasmJob } = (workerData ?? {}) as { wasmJob?: WasmJob };
  if (isMainThread || wasmJob === undefined) return;
  const { root, files } = wasmJob;
  const kernels: Tree = {};
  for (const file of files) kernels[file.slice('kernels/cpu/'.length)] = readFileSync(join(root, file));
  try {
    parentPort?.postMessage(await compile(wasmJob, kernels));
  } catch (error) {
    parentPort?.postMessage(error instanceof Error ? error.message : String(error));
  }
}

async function compile({ root, variant, version }: WasmJob, kernels: Tree): Promise<Uint8Array> {
  let files: Tree = { ...kernels };
  const flags = [
    ...COMPILE,
    ...VARIANTS[variant],
    `-DFOVEA_LEVEL=${variant}`,
    `-DFOVEA_WASM_TABLE=foveaLevel_${variant}`,
  ];
  const objects: string[] = [];
  for (const source of SOURCES) {
    const object = `${variant}-${source.replace('.cc', '.o')}`;
    const stamp = `wasm-${object}`;
    const kept = `build/wasm/${object}`;
    const key = hashInputs(root, objectInputs(root, source), [version, ...flags]);
    const context: BuildContext = { root, isQuiet: true, log: () => undefined };
    if (isFresh(context, stamp, key)) files[object] = readFileSync(join(root, kept));
    else {
      files = await run('clang++', [...flags, source, '-o', object], files);
      writeBeside(join(root, kept), files[object] as Uint8Array);
      markFresh(context, stamp, key, [kept]);
    }
    objects.push(object);
  }
  files = await run('wasm-ld', [...objects, ...LINK, '-o', 'fovea.wasm'], files);
  return files['fovea.wasm'] as Uint8Array;
}

async function run(tool: 'clang++' | 'wasm-ld', args: string[], files: Tree): Promise<Tree> {
  // Loading the package costs a tenth of a second, so only when there is something to compile.
  const { commands, runLLVM } = await import('@yowasp/clang');
  await runLLVM(undefined, {}, { fetchProgress: () => undefined }); // else it prints its progress
  const decoder = new TextDecoder();
  let text = '';
  const collect = (bytes: Uint8Array | null): void => {
    if (bytes !== null) text += decoder.decode(bytes, { stream: true });
  };
  try {
    const made = await commands[tool](args, files, { stdout: collect, stderr: collect });
    return { ...files, ...made };
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
