// Callbacks on made-up logs: when they stop, save, change the rate and what they write; then what progress looks like.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { FoveaError } from '../../src/core/errors.js';
import { Variable } from '../../src/graph/variable.js';
import type { Callback, FitControl, Logs, TrainingParams } from '../../src/nn/callbacks/callback.js';
import * as callbacks from '../../src/nn/callbacks/index.js';
import { formatPath } from '../../src/nn/callbacks/model-checkpoint.js';
import { defaultCallbacks, type ProgressOutput } from '../../src/nn/callbacks/progress.js';
import { optimizers, schedules } from '../../src/nn/optimizers.js';

const folder = mkdtempSync(join(tmpdir(), 'fovea-callbacks-'));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => {
  vi.restoreAllMocks();
});

const PARAMS: TrainingParams = { epochs: 10, initialEpoch: 0, steps: 100, batchSize: 32, verbose: 0 };

/** A model as far as callbacks look at one: a weight, an optimizer, and a note of what was saved. */
function makeControl(optimizer = optimizers.sgd({ learningRate: 1 })) {
  const weight = Variable.from(Float32Array.of(0), [1], 'float32');
  const saved: string[] = [];
  const model = {
    name: 'model',
    weights: [weight],
    training: { compiled: { optimizer } },
    save: async (path: string) => void saved.push(path),
    saveWeights: async (path: string) => void saved.push(`weights ${path}`),
  };
  const stopped: number[] = [];
  let epoch = 0;
  const control = { model, stop: () => void stopped.push(epoch) } as unknown as FitControl;
  const run = async (callback: Callback, losses: readonly number[], first = 0, name = 'val_loss'): Promise<Logs[]> => {
    const all: Logs[] = [];
    await callback.onTrainBegin?.(PARAMS, control);
    for (const loss of losses) {
      epoch = first + all.length;
      weight.set(Float32Array.of(epoch));
      const logs: Logs = { loss: 2 * loss, [name]: loss };
      all.push(logs);
      await callback.onEpochBegin?.(epoch, control);
      await callback.onEpochEnd?.(epoch, logs, control);
      if (stopped.length > 0) break;
    }
    await callback.onTrainEnd?.(all.at(-1) as Logs, control);
    return all;
  };
  return { control, optimizer, weight, saved, stopped, run };
}

describe('earlyStopping', () => {
  it('waits for its patience and puts the best weights back', async () => {
    const { run, stopped, weight } = makeControl();
    const callback = callbacks.earlyStopping({ patience: 2, restoreBestWeights: true });
    const logs = await run(callback, [3, 2, 2.5, 1, 1.5, 1.2, 0.1]);
    expect(stopped).toEqual([5]);
    expect(logs.length).toBe(6);
    expect([callback.stoppedEpoch, callback.bestEpoch]).toEqual([5, 3]);
    expect([...(await weight.elements())]).toEqual([3]);
  });

  it('counts improvements from minDelta on, from an epoch on, and against a baseline', async () => {
    const small = makeControl();
    await small.run(callbacks.earlyStopping({ patience: 1, minDelta: 0.5 }), [3, 2.8, 2]);
    expect(small.stopped).toEqual([1]);
    const late = makeControl();
    await late.run(callbacks.earlyStopping({ startFromEpoch: 3 }), [1, 2, 3, 4, 5]);
    expect(late.stopped).toEqual([4]);
    const never = makeControl();
    await never.run(callbacks.earlyStopping({ patience: 2, baseline: 0.5 }), [4, 3, 2, 1]);
    expect(never.stopped).toEqual([]);
    const stuck = makeControl();
    await stuck.run(callbacks.earlyStopping({ patience: 2, baseline: 0.5 }), [4, 3, 3.5, 2, 1]);
    expect(stuck.stopped).toEqual([2]);
  });

  it('takes accuracy to be better when larger', async () => {
    const { run, stopped } = makeControl();
    await run(
      callbacks.earlyStopping({ monitor: 'val_accuracy', patience: 1 }),
      [0.1, 0.2, 0.3, 0.3],
      0,
      'val_accuracy',
    );
    expect(stopped).toEqual([3]);
  });

  it('goes on where it was after a resume, best weights and all', async () => {
    const before = makeControl();
    const first = callbacks.earlyStopping({ patience: 3, restoreBestWeights: true });
    await before.run(first, [3, 1, 2]);
    const state = JSON.parse(JSON.stringify(first.getState()));
    const after = makeControl();
    const second = callbacks.earlyStopping({ patience: 3, restoreBestWeights: true });
    second.setState(state);
    await after.run(second, [2, 2, 2], 3);
    expect(after.stopped).toEqual([4]);
    expect([...(await after.weight.elements())]).toEqual([1]);
    // A second fit starts anew.
    after.stopped.length = 0;
    await after.run(second, [9, 8, 7]);
    expect(after.stopped).toEqual([]);
  });

  it('warns once of a name that is not there', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const { run, stopped } = makeControl();
    await run(callbacks.earlyStopping({ monitor: 'val_acc' }), [1, 2, 3]);
    expect(stopped).toEqual([]);
    expect(warn.mock.calls).toEqual([['earlyStopping: there is no "val_acc" to watch; there are loss, val_loss.']]);
  });

  it('refuses options it does not have', () => {
    expect(() => callbacks.earlyStopping({ patiens: 3 } as object)).toThrow(
      'earlyStopping: unknown option "patiens"; did you mean "patience"?',
    );
    expect(() => callbacks.earlyStopping({ mode: 'up' as 'max' })).toThrow(
      "earlyStopping: mode must be 'auto' or 'min' or 'max'; got \"up\".",
    );
  });
});

describe('modelCheckpoint', () => {
  it('saves after every epoch under formatted names', async () => {
    const { run, saved } = makeControl();
    await run(callbacks.modelCheckpoint({ filepath: 'm-{epoch:02d}-{val_loss:.2f}.keras' }), [1, 0.5]);
    expect(saved).toEqual(['m-01-1.00.keras', 'm-02-0.50.keras']);
  });

  it('saves only the best, also across a resume', async () => {
    const { run, saved } = makeControl();
    const options = { filepath: 'best-{epoch}', saveBestOnly: true, saveWeightsOnly: true } as const;
    const first = callbacks.modelCheckpoint(options);
    await run(first, [3, 1, 2]);
    expect(saved).toEqual(['weights best-1', 'weights best-2']);
    const second = callbacks.modelCheckpoint(options);
    second.setState(JSON.parse(JSON.stringify(first.getState())));
    await run(second, [2, 0.5], 3);
    expect(saved.slice(2)).toEqual(['weights best-5']);
  });

  it('saves every so many batches only where asked to', async () => {
    const { control, saved } = makeControl();
    expect(callbacks.modelCheckpoint({ filepath: 'm' }).onTrainBatchEnd).toBeUndefined();
    const callback = callbacks.modelCheckpoint({ filepath: 'm-{loss:.1f}', saveFreq: 2 });
    for (let batch = 0; batch < 5; batch++) await callback.onTrainBatchEnd?.(batch, { loss: batch }, control);
    await callback.onEpochEnd(0, { loss: 9 }, control);
    expect(saved).toEqual(['m-1.0', 'm-3.0']);
  });

  it('formats as Python does, and refuses what it cannot', () => {
    expect(formatPath('{epoch:3d}|{loss:.1e}|{loss:08.3f}|{loss}', { epoch: 7, loss: 0.25 })).toBe(
      '  7|2.5e-1|0000.250|0.25',
    );
    expect(() => formatPath('{acc}', { epoch: 1, loss: 2 })).toThrow(
      'modelCheckpoint: filepath "{acc}" names {acc}, which is not in the logs.\n  There are epoch, loss.',
    );
    expect(() => formatPath('{loss:x}', { loss: 2 })).toThrow(FoveaError);
  });
});

describe('reduceLROnPlateau', () => {
  it('lowers the rate after its patience, not in the cooldown, not below the least', async () => {
    const { run, optimizer } = makeControl();
    const callback = callbacks.reduceLROnPlateau({ factor: 0.5, patience: 2, cooldown: 2, minLr: 0.2 });
    const logs = await run(callback, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
    // The rate a log shows is the one its epoch trained with.
    expect(logs.map(({ learning_rate: rate }) => Number(rate?.toFixed(4)))).toEqual([
      1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.2, 0.2, 0.2,
    ]);
    expect(optimizer.learningRate).toBeCloseTo(0.2, 6);
  });

  it('goes on where it was after a resume', async () => {
    const { run, optimizer } = makeControl();
    const first = callbacks.reduceLROnPlateau({ patience: 3 });
    await run(first, [1, 1, 1]);
    expect(optimizer.learningRate).toBe(1);
    const second = callbacks.reduceLROnPlateau({ patience: 3 });
    second.setState(JSON.parse(JSON.stringify(first.getState())));
    await run(second, [1], 3);
    expect(optimizer.learningRate).toBeCloseTo(0.1, 6);
  });

  it('says that a schedule leaves it nothing to do', async () => {
    const { run } = makeControl(
      optimizers.sgd({
        learningRate: schedules.exponentialDecay({ initialLearningRate: 1, decaySteps: 1, decayRate: 0.5 }),
      }),
    );
    await expect(run(callbacks.reduceLROnPlateau(), [1])).rejects.toThrow(
      'the learning rate follows a schedule (ExponentialDecay)',
    );
  });
});

describe('learningRateScheduler', () => {
  it('sets the rate of every epoch and logs it', async () => {
    const { run } = makeControl();
    const logs = await run(
      callbacks.learningRateScheduler((epoch, rate) => (epoch < 2 ? rate : rate / 2)),
      [1, 1, 1, 1],
    );
    expect(logs.map(({ learning_rate: rate }) => rate)).toEqual([1, 1, 0.5, 0.25]);
    await expect(
      run(
        callbacks.learningRateScheduler(() => Number.NaN),
        [1],
      ),
    ).rejects.toThrow('learningRateScheduler: the schedule gave NaN for epoch 0');
  });
});

describe('csvLogger', () => {
  it('writes whole lines, and goes on after a line that was cut', async () => {
    const filename = join(folder, 'deep', 'log.csv');
    const { run } = makeControl();
    await run(callbacks.csvLogger({ filename }), [1, 0.5]);
    expect(readFileSync(filename, 'utf8')).toBe('epoch,loss,val_loss\n0,2,1\n1,1,0.5\n');
    writeFileSync(filename, '2,0.', { flag: 'a' });
    const again = callbacks.csvLogger({ filename, append: true });
    await run(again, [0.25], 2);
    await again.onEpochEnd(3, { loss: 7 });
    expect(readFileSync(filename, 'utf8')).toBe('epoch,loss,val_loss\n0,2,1\n1,1,0.5\n2,0.5,0.25\n3,7,NA\n');
    await run(callbacks.csvLogger({ filename, separator: ';' }), [4]);
    expect(readFileSync(filename, 'utf8')).toBe('epoch;loss;val_loss\n0;8;4\n');
  });

  it('names the file that it cannot write', async () => {
    writeFileSync(join(folder, 'plain'), '');
    const { run } = makeControl();
    await expect(run(callbacks.csvLogger({ filename: join(folder, 'plain', 'log.csv') }), [1])).rejects.toMatchObject({
      code: 'file',
    });
  });
});

describe('terminateOnNaN', () => {
  it('stops at the first loss that is no number', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {});
    const { run, stopped } = makeControl();
    await run(callbacks.terminateOnNaN(), [1, Number.POSITIVE_INFINITY, 1]);
    expect(stopped).toEqual([1]);
  });
});

/** Collects what is written, with a clock to be set. */
function makeOutput(isLive: boolean, columns = 120) {
  const written: string[] = [];
  const output: ProgressOutput & { time: number } = {
    time: 0,
    isLive,
    hasColors: false,
    columns: () => columns,
    now: () => output.time,
    write: (text) => void written.push(text),
  };
  return { output, written };
}

describe('progress', () => {
  const { control } = makeControl();
  const show = (callback: Callback, output: { time: number }, steps: number | undefined): void => {
    void callback.onTrainBegin?.({ ...PARAMS, steps }, control);
    void callback.onEpochBegin?.(0, control);
    output.time = 1000;
    callback.onProgress?.(1, { loss: 2, accuracy: 0.5 }, control);
    output.time = 2000;
    callback.onProgress?.(51, { loss: 0.69856, accuracy: 0.7568 }, control);
    output.time = 3000;
    callback.onProgress?.(100, { loss: 0.5, accuracy: 0.8 }, control);
    void callback.onEpochEnd?.(
      0,
      { loss: 0.5, accuracy: 0.8, val_loss: 0.00001, learning_rate: 0.001, val_accuracy: 0.75 },
      control,
    );
  };

  it('draws a bar on a terminal', () => {
    const { output, written } = makeOutput(true);
    const [bar] = defaultCallbacks('auto', output);
    show(bar as Callback, output, 100);
    const line = (filled: number): string => '━'.repeat(filled) + '─'.repeat(20 - filled);
    expect(written.map((text) => text.trimEnd())).toEqual([
      'Epoch 1/10',
      `\r  1/100 ${line(0)} 1:39 left 1s/step - accuracy: 0.5000 - loss: 2.0000`,
      `\r 51/100 ${line(10)} 0s left 20ms/step - accuracy: 0.7568 - loss: 0.6986`,
      `\r100/100 ${line(20)} 0s left 20ms/step - accuracy: 0.8000 - loss: 0.5000`,
      `\r100/100 ${line(20)} 3s 20ms/step - accuracy: 0.8000 - loss: 0.5000 - val_accuracy: 0.7500 - val_loss: 1.0000e-05 - learning_rate: 1.0000e-03`,
    ]);
    expect(written.at(-1)?.endsWith('\n')).toBe(true);
  });

  it('counts without an end where the number of steps is not known, and knows it in the next epoch', () => {
    const { output, written } = makeOutput(true);
    const [bar] = defaultCallbacks(1, output) as [Callback];
    show(bar, output, undefined);
    expect(written[2]?.trimEnd()).toBe('\r     51/Unknown 2s 20ms/step - accuracy: 0.7568 - loss: 0.6986');
    void bar.onEpochBegin?.(1, control);
    bar.onProgress?.(50, { loss: 1 }, control);
    expect(written.at(-1)).toContain('\r 50/100 ');
  });

  it('never wraps a line that it draws over', () => {
    const { output, written } = makeOutput(true, 60);
    show(defaultCallbacks(1, output)[0] as Callback, output, 100);
    for (const text of written.slice(1, -1)) expect(text.replace('\r', '').length).toBeLessThan(60);
  });

  it('writes a line per epoch elsewhere', () => {
    const { output, written } = makeOutput(false);
    const [lines] = defaultCallbacks('auto', output);
    show(lines as Callback, output, 100);
    expect(written).toEqual([
      'Epoch 1/10 - 3s 30ms/step - accuracy: 0.8000 - loss: 0.5000 - val_accuracy: 0.7500 - val_loss: 1.0000e-05 - learning_rate: 1.0000e-03\n',
    ]);
    expect(defaultCallbacks(0, output)).toEqual([]);
    expect(defaultCallbacks(2, makeOutput(true).output)[0]?.onProgress).toBeDefined();
  });
});
