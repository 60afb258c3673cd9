// kernels/cpu to a Node-API addon with the machine's C++ compiler: build/native/<platform>-<arch>-<libc>/
// fovea.node. No compiler, or a failure, is one line: the WebAssembly engine then serves.
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { nativeTarget } from '../../src/engine/target.js';
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

// Best first. AVX-512 here is the set that every server since Skylake and Zen 4 has; dot products of bfloat16 came
// with Cooper Lake and Zen 4, tiles (AMX) with Sapphire Rapids. `amx_emulated` is for tests, see level-amx.cc.
const AVX512 = '-mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mf16c -mprefer-vector-width=512'.split(' ');
const LEVELS: Record<string, Record<string, string[]>> = {
  x64: {
    amx: [...AVX512, ...'-mavx512bf16 -mamx-tile -mamx-bf16 -fno-strict-aliasing'.split(' ')],
    avx512bf16: [...AVX512, '-mavx512bf16'],
    avx512: AVX512,
    avx2: '-mavx2 -mfma -mf16c'.split(' '),
    portable: [],
    amx_emulated: ['-fno-strict-aliasing'],
  },
  arm64: { neon: [], portable: [] },
};

const COMPILE = [
  ...['-O3', '-std=c++17', '-fPIC', '-Wall', '-fvisibility=hidden', '-ffp-contract=fast', '-fno-math-errno'],
  ...['-fno-trapping-math', '-fno-exceptions', '-fno-rtti', '-DNAPI_VERSION=8'],
];

// Without collecting its garbage GCC is a tenth faster and takes 650 MB for a level instead of 430.
const KEEP_GARBAGE = ['--param', 'ggc-min-heapsize=1000000'];

/** What is not made of level.cc: levels that compile some kernels again. */
const SOURCES: Record<string, string> = {
  amx: 'level-amx.cc',
  avx512bf16: 'level-bf16.cc',
  amx_emulated: 'level-amx.cc',
};

/** With the compiler's checks of memory and of undefined behaviour; the first finding ends the process. */
const SANITIZE = ['-O1', '-g1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-fno-omit-frame-pointer'];

class CompileError extends Error {}

/** Gives whether anything was built. */
export async function buildAddon(context: BuildContext): Promise<boolean> {
  const { root, log } = context;
  if (process.env.FOVEA_SKIP_NATIVE === '1') return false;
  const target = await nativeTarget();
  const output = `build/native/${target}/fovea.node`;
  const reasonFile = join(root, `build/native/${target}/reason.txt`);
  const compiler = await findCompiler();
  const files = listFiles(root, 'kernels/cpu', ['.h', '.cc']);
  const own = readFileSync(join(root, 'tools/stages/addon.ts'), 'utf8');
  const headers = packageVersion(root, 'node-api-headers');
  const texts = [own, headers, target, compiler?.version ?? 'none', compiler?.command.join(' ') ?? ''];
  const key = hashInputs(root, files, texts);
  if (compiler === undefined) {
    if (isFresh(context, 'addon', key)) return false;
    log('no C++ compiler (`c++`) found, so the native engine is not built; the WebAssembly engine will serve.');
    rmSync(join(root, output), { force: true });
    writeBeside(reasonFile, 'no C++ compiler (`c++`) was found when fovea was built');
    markFresh(context, 'addon', key, []);
    return false;
  }
  if (isFresh(context, 'addon', key)) return false;
  // What does not compile is tried again only when asked for, not at every start.
  if (context.isQuiet && isFresh(context, 'addon-failed', key)) return false;
  const started = performance.now();
  try {
    const levels = await compileAddon(context, compiler, output);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    log(`addon: ${levels.join(', ')} in ${seconds} s.`);
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    writeBeside(join(root, 'build/addon.log'), error.message);
    writeBeside(reasonFile, 'its C++ did not compile (see build/addon.log)');
    rmSync(join(root, output), { force: true });
    markFresh(context, 'addon-failed', key, []);
    log('the native engine does not compile (see build/addon.log); the WebAssembly engine will serve.');
    return false;
  }
  rmSync(reasonFile, { force: true });
  markFresh(context, 'addon', key, [output]);
  return true;
}

/** The compiler's command and version; undefined where there is none. */
async function findCompiler(): Promise<Compiler | undefined> {
  const command = (process.env.CXX ?? '').trim().split(/\s+/).filter(Boolean);
  if (command.length === 0) {
    // macOS ships a `c++` that opens a dialog until the developer tools are there.
    if (process.platform === 'darwin' && !(await succeeds('xcode-select', ['-p']))) return undefined;
    command.push('c++');
  }
  try {
    return { command, version: await execute(command, ['--version']) };
  } catch {
    return undefined;
  }
}

interface Compiler {
  command: string[];
  version: string;
}

/** The addon under AddressSanitizer and UndefinedBehaviorSanitizer, and the library to be loaded before Node's own. */
export async function buildSanitizedAddon(context: BuildContext): Promise<{ addon: string; preload: string }> {
  const compiler = await findCompiler();
  if (compiler === undefined) throw new CompileError('there is no C++ compiler (`c++`).');
  const output = 'build/sanitized/fovea.node';
  const levels = await compileAddon(context, compiler, output, 'sanitized', SANITIZE);
  context.log(`addon with sanitizers: ${levels.join(', ')}.`);
  const library = await execute(compiler.command, ['-print-file-name=libasan.so']);
  return { addon: join(context.root, output), preload: library.trim() };
}

async function compileAddon(
  context: BuildContext,
  compiler: Compiler,
  output: string,
  name = 'addon',
  checks: readonly string[] = [],
): Promise<string[]> {
  const { root } = context;
  const work = join(root, `build/${name}`);
  mkdirSync(work, { recursive: true });
  const levels = await availableLevels(compiler.command, work);
  const speed = (await compiles(compiler.command, KEEP_GARBAGE, work)) ? KEEP_GARBAGE : [];
  const include = join(root, 'node_modules/node-api-headers/include');
  const jobs = Object.entries(levels).map(([level, flags]) => ({
    object: `level-${level}`,
    source: SOURCES[level] ?? 'level.cc',
    // What hardly any machine runs is compiled quickly rather than well.
    flags: [
      ...COMPILE,
      ...speed,
      ...flags,
      ...(level === 'portable' || level === 'amx_emulated' ? ['-O2'] : []),
      ...checks,
      `-DFOVEA_LEVEL=${level}`,
    ],
  }));
  const has = Object.keys(levels).map((level) => `-DFOVEA_HAS_${level.toUpperCase()}`);
  for (const object of ['addon', 'runtime']) {
    jobs.push({ object, source: `${object}.cc`, flags: [...COMPILE, ...has, ...checks, `-I${include}`] });
  }
  await inParallel(jobs, async ({ object, source, flags }) => {
    const file = `build/${name}/${object}.o`;
    const key = hashInputs(root, objectInputs(root, source), [compiler.version, ...compiler.command, ...flags]);
    if (isFresh(context, `${name}-${object}`, key)) return;
    const beside = join(work, `${object}.tmp.o`);
    await execute(compiler.command, [...flags, '-c', join(root, 'kernels/cpu', source), '-o', beside]);
    renameSync(beside, join(root, file));
    markFresh(context, `${name}-${object}`, key, [file]);
  });
  const link = process.platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared', '-pthread'];
  const objects = jobs.map(({ object }) => join(work, `${object}.o`));
  await execute(compiler.command, [...link, ...checks, ...objects, '-o', join(work, 'fovea.node')]);
  const file = join(root, output);
  mkdirSync(join(file, '..'), { recursive: true });
  renameSync(join(work, 'fovea.node'), file);
  return Object.keys(levels);
}

/** This architecture's levels, without those whose flags the compiler does not know. */
async function availableLevels(compiler: string[], work: string): Promise<Record<string, string[]>> {
  const levels: Record<string, string[]> = {};
  for (const [level, flags] of Object.entries(LEVELS[process.arch] ?? { portable: [] })) {
    if (flags.length === 0 || (await compiles(compiler, flags, work))) levels[level] = flags;
  }
  return levels;
}

/** Whether the compiler knows these flags, and the assembler what is written as its text. */
function compiles([program, ...first]: string[], flags: string[], work: string): Promise<boolean> {
  const probe = join(work, 'probe.cc');
  const isAmx = flags.includes('-mamx-bf16');
  writeBeside(probe, isAmx ? '__asm__("tdpbf16ps %tmm2, %tmm1, %tmm0");\n' : 'int probe;\n');
  return succeeds(program as string, [...first, '-Werror', ...flags, '-c', probe, '-o', join(work, 'probe.o')]);
}

async function inParallel<T>(jobs: readonly T[], work: (job: T) => Promise<void>): Promise<void> {
  const queue = [...jobs];
  const lanes = Array.from({ length: Math.max(1, availableParallelism()) }, async () => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) await work(job);
  });
  await Promise.all(lanes);
}

async function succeeds(command: string, args: string[]): Promise<boolean> {
  return execute([command], args).then(
    () => true,
    () => false,
  );
}

function execute(command: string[], args: string[]): Promise<string> {
  const [program, ...first] = command as [string, ...string[]];
  return new Promise((resolve, reject) => {
    execFile(program, [...first, ...args], { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new CompileError(`${program} ${[...first, ...args].join(' ')}\n${stderr || error.message}\n`));
    });
  });
}
