// Loads a model from a file and makes a prediction, in a process of its own; ./peers/load.py and ./peers/load.mjs are the
// twins. Prints the milliseconds of both together, without those of importing the library and starting its threads, how
// far the resident set rose above that before, in MiB, and the prediction. Arguments: network, file.
import { readFileSync, writeFileSync } from 'node:fs';
import { engineInfo, models, zoo } from '../src/index.js';

const [network = 'mobilenet', path = ''] = process.argv.slice(2);

/** Kilobytes of a line of /proc/self/status. */
function status(name: string): number {
  const line = new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync('/proc/self/status', 'utf8'));
  return Number(line?.[1]);
}

/** A file of weights alone goes into a network of the zoo. */
async function load(): Promise<Awaited<ReturnType<typeof models.load>>> {
  if (!path.endsWith('.safetensors')) return models.load(path);
  const model = zoo.create(network);
  await model.loadWeights(path);
  return model;
}

await engineInfo();
const idle = status('VmRSS');
// 5 sets the peak back.
writeFileSync('/proc/self/clear_refs', '5');
const begin = performance.now();
const model = await load();
const [input] = model.inputs as readonly [(typeof model.inputs)[number]];
const shape = [1, ...(input.shape.slice(1) as number[])];
const x = { data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5), shape, dtype: 'float32' } as const;
const { data } = await model.predict(x);
const loaded = performance.now();
const mebibytes = (status('VmHWM') - idle) / 1024;
console.log(JSON.stringify({ milliseconds: loaded - begin, mebibytes, prediction: [...data] }));
process.exit(0);
