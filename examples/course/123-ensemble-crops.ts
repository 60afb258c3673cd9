// Ng: advice for competitions. Average the outputs of several networks, or one network's outputs on several crops of the
// picture (usually ten: the middle and the four corners, and their mirror images). The cross-entropy of the average is at
// most the average of the cross-entropies. It costs memory and time: here three networks, each as large as the first.
import { datasets, layers, models, scale, setRandomSeed } from 'fovea';

const SIDE = 28;
const PART = 24;
const { train, test } = await datasets.strokes({ count: 1500, testCount: 400 });
const [x, y] = [scale(train.x), train.y];
const seen = scale(test.x);
const labels = Array.from(test.y.data);

/** The part of every picture that begins at a place, mirrored or not. */
function crops(from: typeof seen, top: number, left: number, isMirrored: boolean): typeof seen {
  const count = from.shape[0] as number;
  const data = new Float32Array(count * PART * PART);
  for (let i = 0; i < count; i++) {
    for (let row = 0; row < PART; row++) {
      for (let column = 0; column < PART; column++) {
        const at = isMirrored ? PART - 1 - column : column;
        data[(i * PART + row) * PART + column] = from.data[(i * SIDE + row + top) * SIDE + at + left] as number;
      }
    }
  }
  return { ...from, data, shape: [count, PART, PART, 1] };
}

async function trained(seed: number): Promise<models.Sequential> {
  setRandomSeed(seed);
  const model = models.sequential([
    layers.input([PART, PART, 1]),
    layers.conv2d({ filters: 8, kernelSize: 5, activation: 'relu' }),
    layers.maxPooling2d({ poolSize: 2 }),
    layers.conv2d({ filters: 16, kernelSize: 3, activation: 'relu' }),
    layers.globalMaxPooling2d(),
    layers.dense({ units: 10, activation: 'softmax' }),
  ]);
  model.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy' });
  // Trained on crops too, as networks are that will see crops.
  const middle = (SIDE - PART) / 2;
  await model.fit(train.withX(crops(x, middle, middle, false)).withY(y), { epochs: 5, verbose: 0 });
  return model;
}

const average = (all: readonly Float32Array[]): Float32Array =>
  (all[0] as Float32Array).map((_, i) => all.reduce((sum, each) => sum + (each[i] as number), 0) / all.length);
const loss = (outputs: Float32Array): number =>
  labels.reduce((sum, label, i) => sum - Math.log(Math.max(outputs[10 * i + label] as number, 1e-7)), 0) /
  labels.length;
const accuracy = (outputs: Float32Array): number =>
  labels.filter((label, i) => {
    const row = outputs.slice(10 * i, 10 * i + 10);
    return row.indexOf(Math.max(...row)) === label;
  }).length / labels.length;

function report(name: string, members: readonly Float32Array[]): void {
  const together = average(members);
  const apart = members.reduce((sum, each) => sum + loss(each), 0) / members.length;
  console.log(
    `${name}: cross-entropy ${loss(together).toFixed(4)}, its ${members.length} members on average ${apart.toFixed(4)}`,
  );
  console.log(`${name}: not above: ${loss(together) <= apart}, accuracy ${accuracy(together).toFixed(4)}`);
}

const networks = [await trained(1), await trained(2), await trained(3)];
const [first] = networks as [models.Sequential];
const middle = (SIDE - PART) / 2;
const outputsOf = async (model: models.Sequential, part: typeof seen): Promise<Float32Array> =>
  (await model.predict(part)).data as Float32Array;
const ofNetworks: Float32Array[] = [];
for (const network of networks) ofNetworks.push(await outputsOf(network, crops(seen, middle, middle, false)));
report('three networks', ofNetworks);

const last = SIDE - PART;
const places = [
  [middle, middle],
  [0, 0],
  [0, last],
  [last, 0],
  [last, last],
] as const;
const ofCrops: Float32Array[] = [];
for (const isMirrored of [false, true]) {
  for (const [top, left] of places) ofCrops.push(await outputsOf(first, crops(seen, top, left, isMirrored)));
}
report('ten crops', ofCrops);

const bytes = 4 * first.countParams();
console.log(
  `memory of the weights: one network ${bytes} bytes, three ${3 * bytes}; ten crops: 10 times the work, the same weights`,
);
