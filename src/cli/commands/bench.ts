// `fovea bench`: how long each algorithm takes for the convolutions of a model; with --tune the faster one is kept for
// this machine. The benchmark against other libraries is `npm run bench` in a checkout.
import { FoveaError } from '../../core/errors.js';
import { writeChoices } from '../../engine/choices.js';
import { currentEngine } from '../../engine/current.js';
import { recordConvolutions, timeConvolution } from '../../engine/tune.js';
import type { TrainableModel } from '../../nn/model.js';
import { type Choice, type ChoiceKey, parseKey } from '../../ops/conv-choices.js';
import { anyModel } from '../model-file.js';
import { EXIT, type Output } from '../output.js';

interface BenchOptions {
  readonly batch: number;
  readonly size?: number;
  readonly training?: boolean;
  readonly tune?: boolean;
}

/** Times the convolutions that `model` needs, and prints them. */
export async function bench(name: string, options: BenchOptions, output: Output): Promise<number> {
  const model = await anyModel(name, 'bench');
  const engine = await currentEngine();
  const keys = await recordConvolutions(engine, () => work(model, options));
  const chosen = new Map<string, Choice>();
  output.text(`${engine.info.name} ${engine.info.level}, ${engine.info.threads} threads; milliseconds`);
  for (const text of keys) {
    const times = await timeConvolution(engine, text);
    const choice = times.winograd < times.direct ? 'winograd' : 'direct';
    chosen.set(text, choice);
    const key = parseKey(text) as ChoiceKey;
    output.text(`${describe(key)}: direct ${rounded(times.direct)}, winograd ${rounded(times.winograd)}`);
    output.event('convolution', { ...key, milliseconds: times, choice });
  }
  if (keys.length === 0) output.text('This model has no convolution that could be computed in more than one way.');
  const isKept = options.tune === true && keys.length > 0;
  const path = isKept ? await writeChoices(engine.info, chosen) : undefined;
  if (path !== undefined) output.text(`kept in ${path}: delete it to go back to the rules`);
  output.event('bench', { engine: engine.info, convolutions: keys.length, path });
  return EXIT.done;
}

/** Makes the model compile what it needs: one prediction, and with --training one step. */
async function work(model: TrainableModel, options: BenchOptions): Promise<void> {
  const inputs = model.inputs.map(({ shape }) => zeros(fixed(shape, options)));
  await model.predict(inputs.length === 1 ? (inputs[0] as Picture) : inputs);
  if (options.training !== true) return;
  const outputs = model.outputs.map(({ shape }) => zeros(fixed(shape, options)));
  model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
  await model.trainOnBatch(one(inputs), one(outputs));
}

type Picture = ReturnType<typeof zeros>;

const one = (arrays: readonly Picture[]): Picture | Picture[] =>
  arrays.length === 1 ? (arrays[0] as Picture) : [...arrays];

function zeros(shape: readonly number[]) {
  const count = shape.reduce((product, size) => product * size, 1);
  return { data: new Float32Array(count), shape, dtype: 'float32' as const };
}

/** A shape with the batch, and the size where the model leaves it open. */
function fixed(shape: readonly (number | null)[], { batch, size }: BenchOptions): number[] {
  return shape.map((each, axis) => {
    const found = axis === 0 ? batch : (each ?? size);
    if (found !== undefined) return found;
    throw new FoveaError({
      code: 'argument',
      op: 'bench',
      message: `the model takes [${shape.map((dim) => dim ?? 'null').join(',')}].`,
      got: shape,
      hint: 'Say with --size how large its pictures are.',
    });
  });
}

function describe({ pass, dtype, isConstant, geometry: g }: ChoiceKey): string {
  const words = { forward: 'forward', inputGradient: 'dX', filterGradient: 'dW' } as const;
  const filter = pass === 'filterGradient' ? '' : isConstant ? ', filter kept' : ', filter changing';
  return `${g.kh}x${g.kw} ${g.cin}>${g.cout} ${g.n}x${g.h}x${g.w} ${words[pass]} (${dtype}${filter})`;
}

const rounded = (milliseconds: number): string => milliseconds.toPrecision(3);
