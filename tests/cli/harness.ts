// Runs the built command line as a person would: as a process of its own, in a folder of its own.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encode } from 'fast-png';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const dist = join(root, 'dist');
const program = join(dist, 'node/cli.js');

/** What a process left behind. */
export interface Finished {
  /** The exit code; for a process that a signal killed, 128 and the signal's number as far as shells agree. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running process. */
export interface Running {
  readonly child: ChildProcessWithoutNullStreams;
  readonly finished: Promise<Finished>;
  /** Resolves once standard output holds the text; rejects where the process ends before. */
  says(text: string): Promise<void>;
}

export interface RunOptions {
  cwd?: string;
  env?: Readonly<Record<string, string | undefined>>;
  /** Arguments of Node itself. */
  node?: readonly string[];
}

const SIGNAL_CODES: Readonly<Record<string, number>> = {
  SIGHUP: 129,
  SIGINT: 130,
  SIGKILL: 137,
  SIGPIPE: 141,
  SIGTERM: 143,
};

// Where no addon was built, every process says so in one line; tests/engine looks at that line, these tests do not.
const WASM_SERVES = /^fovea: the wasm engine runs .*\n/m;

/** Starts a script under Node. */
export function startNode(
  script: string,
  args: readonly string[],
  { cwd, env = {}, node = [] }: RunOptions = {},
): Running {
  const child = spawn(process.execPath, [...node, script, ...args], {
    ...(cwd === undefined ? {} : { cwd }),
    env: {
      ...process.env,
      FOVEA_DATA: undefined,
      FOVEA_ENGINE: undefined,
      NODE_OPTIONS: undefined,
      npm_lifecycle_event: undefined,
      NO_COLOR: undefined,
      ...env,
    },
  });
  let stdout = '';
  let stderr = '';
  const waiting = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    for (const check of waiting) check();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  // A process that has ended takes no input.
  child.stdin.on('error', () => {});
  const finished = new Promise<Finished>((done, fail) => {
    child.on('error', fail);
    child.on('close', (code, signal) =>
      done({ code: code ?? SIGNAL_CODES[signal ?? ''] ?? -1, stdout, stderr: stderr.replace(WASM_SERVES, '') }),
    );
  });
  const says = (text: string): Promise<void> =>
    new Promise((found, fail) => {
      const check = (): void => {
        if (!stdout.includes(text)) return;
        waiting.delete(check);
        found();
      };
      waiting.add(check);
      check();
      void finished.then((end) =>
        fail(
          new Error(`it ended with ${end.code} before it said ${JSON.stringify(text)}:\n${end.stdout}\n${end.stderr}`),
        ),
      );
    });
  return { child, finished, says };
}

/** Starts `fovea ...`. */
export function start(args: readonly string[], options: RunOptions = {}): Running {
  if (!existsSync(program)) throw new Error(`${program} is not there: run node tools/build.mjs`);
  return startNode(program, args, options);
}

/** Runs `fovea ...` to its end. */
export function fovea(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const running = start(args, options);
  running.child.stdin.end();
  return running.finished;
}

/** Lines of JSON as objects; fails where a line is anything else. */
export function events(stdout: string): { event: string; [key: string]: unknown }[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string });
}

/** A folder for one test file, in which the package is found by its name. */
export function makeFolder(name: string): { readonly path: string; at(...parts: string[]): string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), `fovea-${name}-`));
  mkdirSync(join(path, 'node_modules'));
  symlinkSync(root, join(path, 'node_modules/fovea'), 'dir');
  return {
    path,
    at: (...parts) => join(path, ...parts),
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** Writes a text file, making its folder. */
export function put(path: string, content: string | Uint8Array): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

/** A PNG of one hue: classes that anything can learn to tell apart. */
export function picture(hue: readonly [number, number, number], seed: number, side = 12): Uint8Array {
  const data = new Uint8Array(3 * side * side);
  for (let i = 0; i < data.length; i++) data[i] = ((hue[i % 3] as number) + ((i * 7 + seed * 31) % 40)) & 255;
  return encode({ width: side, height: side, data, channels: 3, depth: 8 });
}

/** A folder of pictures in two classes. */
export function putPictures(path: string, perClass: number): string {
  for (let i = 0; i < perClass; i++) {
    put(join(path, 'leaf', `${i}.png`), picture([20, 180, 30], i));
    put(join(path, 'sky', `${i}.png`), picture([40, 60, 200], i));
  }
  return path;
}
