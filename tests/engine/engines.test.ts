// What src/engine/engine.ts promises, on every engine and level of this machine.
import { describe, expect, test } from 'vitest';
import { FoveaError } from '../../src/core/errors.js';
import type { Engine, EngineBuffer } from '../../src/engine/engine.js';
import {
  assemble,
  binding,
  constant,
  copy,
  fill,
  matmul,
  matmulScratchBytes,
  pointwise,
  workspace,
} from './programs.js';
import { findVariants, isSanitized, type Variant, withEngine } from './variants.js';

const { variants, missing } = await findVariants();

/** More elements than any kernel puts into one block, and no multiple of a vector. */
const COUNT = 300_007;

function upload(engine: Engine, data: Float32Array): EngineBuffer {
  const buffer = engine.allocate(data.byteLength);
  engine.write(buffer, data);
  return buffer;
}

function floats(engine: Engine, count: number): EngineBuffer {
  return engine.allocate(4 * count);
}

async function download(engine: Engine, buffer: EngineBuffer): Promise<Float32Array> {
  return new Float32Array(await engine.read(buffer));
}

/** What a promise that must fail fails with. */
async function failure(promise: Promise<unknown>): Promise<FoveaError> {
  const error = await promise.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(FoveaError);
  return error as FoveaError;
}

/** Keeps an engine busy for some milliseconds. */
function busyWork(engine: Engine, n: number): { run(): Promise<void>; result: EngineBuffer } {
  const a = upload(engine, new Float32Array(n * n).fill(1));
  const result = floats(engine, n * n);
  const text = { bindings: 2, workspaceBytes: matmulScratchBytes(n) };
  const program = engine.load(
    assemble({ ...text, instructions: [matmul(binding(0), binding(0), binding(1), workspace(), n)] }),
  );
  return { run: () => engine.run(program, [a, result]), result };
}

for (const reason of missing) test.skip(`not here: ${reason}`, () => undefined);

test('an engine runs here, and the native one where it was built for this test', () => {
  expect(variants.length).toBeGreaterThan(0);
  if (process.env.FOVEA_EXPECT_NATIVE === '1') expect(missing).toEqual([]);
});

test.skipIf(isSanitized)('both levels of the WebAssembly engine are among those tested', () => {
  expect(variants).toContainEqual({ engine: 'wasm', level: 'simd128' });
  expect(variants).toContainEqual({ engine: 'wasm', level: 'relaxed' });
});

describe.each(variants)('$engine $level', (variant: Variant) => {
  test.each([1, 2, 3])('runs a Program of several kernels with %i threads', async (threads) => {
    await withEngine(variant, { threads, poison: true }, async (engine) => {
      expect(engine.info).toMatchObject({ name: variant.engine, level: variant.level, threads });
      const data = Float32Array.from({ length: COUNT }, (_, i) => i % 1000);
      const x = upload(engine, data);
      const y = floats(engine, COUNT);
      const image = assemble({
        bindings: 2,
        workspaceBytes: 8 * COUNT + 64,
        constants: new Uint8Array(data.buffer.slice(0)),
        instructions: [
          fill(workspace(), COUNT, 0.5),
          pointwise('fadd', binding(0), workspace(), workspace(4 * COUNT), COUNT),
          pointwise('fmul', workspace(4 * COUNT), constant(), workspace(), COUNT),
          copy(workspace(), binding(1), COUNT),
        ],
      });
      const program = engine.load(image);
      // Often enough to meet helpers that are late, asleep or still busy.
      for (let i = 0; i < 50; i++) void engine.run(program, [x, y]);
      await engine.run(program, [x, y]);
      expect(await download(engine, y)).toEqual(data.map((value) => (value + 0.5) * value));
    });
  });

  test('keeps the order of writes, runs and reads', async () => {
    await withEngine(variant, {}, async (engine) => {
      const a = upload(engine, new Float32Array(COUNT).fill(1));
      const b = floats(engine, COUNT);
      const program = engine.load(
        assemble({ bindings: 2, instructions: [pointwise('fadd', binding(0), binding(0), binding(1), COUNT)] }),
      );
      const reused = new Float32Array(COUNT);
      const reads: Promise<Float32Array>[] = [];
      for (let i = 0; i < 20; i++) {
        engine.write(a, reused.fill(i)); // the next turn overwrites it
        void engine.run(program, [a, b]);
        reads.push(download(engine, b));
      }
      const results = await Promise.all(reads);
      expect(results.map((result) => [result[0], result[COUNT - 1]])).toEqual(results.map((_, i) => [2 * i, 2 * i]));
    });
  });

  test('reads and writes parts of a buffer', async () => {
    await withEngine(variant, {}, async (engine) => {
      const buffer = upload(engine, Float32Array.of(0, 1, 2, 3));
      engine.write(buffer, Float32Array.of(9), 8);
      expect(new Float32Array(await engine.read(buffer, 4, 12))).toEqual(Float32Array.of(1, 9, 3));
      expect(await engine.read(engine.allocate(0))).toEqual(new ArrayBuffer(0));
      const error = await failure(engine.read(buffer, 12, 8));
      expect(error.message).toBe('read: bytes 12 to 20 are not inside a buffer of 16 bytes.');
    });
  });

  test('gives freed memory to the next, after the work that still uses it', async () => {
    await withEngine(variant, {}, async (engine) => {
      const { run, result } = busyWork(engine, 256);
      const before = engine.memory();
      void run();
      const old = upload(engine, new Float32Array(COUNT).fill(7));
      const read = download(engine, old);
      engine.free(old);
      const next = upload(engine, new Float32Array(COUNT).fill(8));
      expect((await read).every((value) => value === 7)).toBe(true);
      expect((await download(engine, next)).every((value) => value === 8)).toBe(true);
      engine.free(next);
      expect((await download(engine, result))[0]).toBe(256);
      expect(engine.memory()).toEqual({ ...before, workspaceBytes: engine.memory().workspaceBytes });
      expect(() => engine.write(next, new Float32Array(1))).toThrow(/freed or belongs to another engine/);
    });
  });

  test('leaves no bytes behind after a thousand rounds', async () => {
    await withEngine(variant, {}, async (engine) => {
      const image = assemble({ bindings: 1, workspaceBytes: 4096, instructions: [fill(binding(0), 1000, 3)] });
      const before = engine.memory();
      for (let i = 0; i < 1000; i++) {
        const buffer = floats(engine, 1000 + (i % 7));
        const program = engine.load(image);
        void engine.run(program, [buffer]);
        program.dispose();
        engine.free(buffer);
      }
      await engine.read(floats(engine, 1));
      expect(engine.memory()).toEqual({ ...before, buffers: 1, bufferBytes: 4, workspaceBytes: 4096 });
    });
  });

  test('names what is wrong with an image', async () => {
    await withEngine(variant, {}, async (engine) => {
      const good = assemble({ bindings: 1, instructions: [fill(binding(0), 4, 1)] });
      const buffer = floats(engine, 4);
      const messageFor = async (image: Uint8Array): Promise<string> => {
        const loadAndRun = async (): Promise<void> => engine.run(engine.load(image), [buffer]);
        return (await failure(loadAndRun())).message;
      };
      const changed = (word: number, value: number): Uint8Array => {
        const image = good.slice();
        new Int32Array(image.buffer)[word] = value;
        return image;
      };
      expect(await messageFor(good.slice(0, 40))).toBe('the Program is damaged or cut short.');
      expect(await messageFor(good.slice(0, 80))).toBe('the Program is damaged or cut short.');
      expect(await messageFor(changed(0, 1))).toBe('the Program is damaged or cut short.');
      expect(await messageFor(changed(1, 99))).toMatch(/^the Program is of version 99, the engine of version/);
      expect(await messageFor(changed(16, 999))).toMatch(/^the Program asks for kernel 999; there are \d+\./);
      expect(await messageFor(changed(19, 77))).toBe('operand 0 lies outside its memory.\n  at instruction 0');
      const error = await failure(engine.run(engine.load(good), []));
      expect(error.message).toBe("the run's bindings are not the Program's 1.");
      await engine.run(engine.load(good), [buffer]); // still works
      expect(await download(engine, buffer)).toEqual(Float32Array.of(1, 1, 1, 1));
    });
  });

  test('poison finds a write behind a buffer and fills the workspace with NaN', async () => {
    await withEngine(variant, { poison: true }, async (engine) => {
      const out = floats(engine, 4);
      const beyond = engine.load(assemble({ bindings: 1, instructions: [fill(binding(0), 5, 1)] }));
      expect((await failure(engine.run(beyond, [out]))).message).toBe('a kernel wrote behind the end of binding 0.');
      const stale = { bindings: 1, workspaceBytes: 16, instructions: [copy(workspace(), binding(0), 4)] };
      await engine.run(engine.load(assemble(stale)), [out]);
      expect(await download(engine, out)).toEqual(new Float32Array(4).fill(Number.NaN));
      const outside = { bindings: 1, workspaceBytes: 16, instructions: [fill(workspace(), 5, 1)] };
      const wide = await failure(engine.run(engine.load(assemble(outside)), [out]));
      expect(wide.message).toBe('a kernel wrote behind the end of the workspace.');
    });
  });

  test('refuses more memory than there is, and goes on', async () => {
    await withEngine(variant, {}, async (engine) => {
      expect(() => engine.allocate(2 ** 50)).toThrow(
        /there is no memory for a buffer of 1.0 PiB; the engine holds 0 bytes/,
      );
      expect(() => engine.allocate(-1)).toThrow(/bytes must be whole and not negative/);
      const wide = { bindings: 0, workspaceBytes: 2 ** 50, instructions: [fill(workspace(), 1, 0)] };
      expect((await failure(engine.run(engine.load(assemble(wide)), []))).code).toBe('memory');
      expect(await download(engine, upload(engine, Float32Array.of(5)))).toEqual(Float32Array.of(5));
    });
  });

  test('does not hold up the event loop', async () => {
    await withEngine(variant, {}, async (engine) => {
      const { run, result } = busyWork(engine, 768);
      const runs = Array.from({ length: 10 }, run);
      let turns = 0;
      let isDone = false;
      const timer = setInterval(() => turns++, 1);
      void Promise.all(runs).then(() => {
        isDone = true;
      });
      expect(isDone).toBe(false);
      expect((await download(engine, result))[0]).toBe(768);
      clearInterval(timer);
      expect(turns).toBeGreaterThan(5);
    });
  });

  test('dispose refuses what waits and what comes', async () => {
    await withEngine(variant, {}, async (engine) => {
      const { run, result } = busyWork(engine, 512);
      const first = Array.from({ length: 15 }, () => run()); // may finish
      const last = Array.from({ length: 5 }, () => failure(run()));
      const read = failure(engine.read(result));
      const settled = Promise.allSettled(first);
      const disposal = engine.dispose();
      const errors = await Promise.all([...last, read, failure(run()), failure(engine.read(result))]);
      expect(errors.map(({ code }) => code)).toEqual(errors.map(() => 'disposed'));
      await Promise.all([settled, disposal]);
      await engine.dispose();
      expect(() => engine.allocate(4)).toThrow(/the engine has been disposed of/);
      expect(engine.memory()).toEqual({ buffers: 0, bufferBytes: 0, workspaceBytes: 0, programs: 0 });
    });
  });
});
