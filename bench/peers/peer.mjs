// A JavaScript runtime that works on command, as peer.py does: node peer.mjs FRAMEWORK THREADS. FOVEA_NODE_PEERS names the
// folder whose node_modules hold the frameworks.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const [framework, threadCount] = process.argv.slice(2);
const threads = Number(threadCount);
const require = createRequire(join(process.env.FOVEA_NODE_PEERS, 'package.json'));
// The answers keep standard output; what the frameworks say goes to standard error.
const answer = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);

const floats = (folder, name) => {
  const bytes = readFileSync(join(folder, name));
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
};
const versionOf = (name) =>
  JSON.parse(readFileSync(join(process.env.FOVEA_NODE_PEERS, 'node_modules', name, 'package.json'), 'utf8')).version;

/** A network's pictures, channels first, and their shape. */
function pictures(folder, network, batch) {
  const { input } = JSON.parse(readFileSync(join(folder, `${network}.json`), 'utf8'));
  const [height, width, channels] = input;
  const pixels = floats(folder, `${network}.f32`);
  const x = new Float32Array(batch * height * width * channels);
  const size = height * width;
  for (let i = 0; i < x.length; i++) {
    const [picture, rest] = [Math.floor(i / (size * channels)), i % (size * channels)];
    x[(picture * channels + (rest % channels)) * size + Math.floor(rest / channels)] = pixels[i];
  }
  return [x, [batch, channels, height, width]];
}

/** ONNX Runtime for Node or for browsers: the lecture's network, or one that ../networks.ts describes. */
async function onnx(name, { kind, folder, batch, network = 'lecture' }) {
  const ort = require(name);
  if (ort.env.wasm) ort.env.wasm.numThreads = threads;
  const session = await ort.InferenceSession.create(join(folder, `${network}.onnx`), {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
  });
  const [inputName] = session.inputNames;
  const x =
    kind === 'network'
      ? new ort.Tensor('float32', ...pictures(folder, network, batch))
      : new ort.Tensor('float32', floats(folder, 'x.f32').slice(0, batch * 784), [batch, 1, 28, 28]);
  const feeds = { [inputName]: x };
  const [output] = session.outputNames;
  return async () => (await session.run(feeds))[output].data;
}

/** TensorFlow.js; in Node its WebAssembly backend has one thread, whatever is asked for. */
async function tfjs({ folder, batch }) {
  const tf = require('@tensorflow/tfjs');
  const wasm = require('@tensorflow/tfjs-backend-wasm');
  wasm.setThreadsCount(threads);
  await tf.setBackend('wasm');
  const conv = (filters, kernelSize = 3, more = {}) =>
    tf.layers.conv2d({ filters, kernelSize, padding: 'same', activation: 'relu', ...more });
  const pool = () => tf.layers.maxPooling2d({ poolSize: 2 });
  const dense = (units, activation = 'relu') => tf.layers.dense({ units, activation });
  const model = tf.sequential({
    layers: [conv(64, 7, { inputShape: [28, 28, 1] }), pool(), conv(128), conv(128), pool(), conv(256), conv(256)],
  });
  for (const layer of [pool(), tf.layers.flatten(), dense(128), dense(64), dense(10, 'softmax')]) model.add(layer);
  model.setWeights(model.getWeights().map((weight, i) => tf.tensor(floats(folder, `weight-${i}.f32`), weight.shape)));
  const x = tf.tensor(floats(folder, 'x.f32').slice(0, batch * 784), [batch, 28, 28, 1]);
  return async () => {
    const y = model.predict(x);
    const data = await y.data();
    y.dispose();
    return data;
  };
}

const works = new Map();

async function reply({ command, id, work, path, steps }) {
  if (command === 'load') {
    const run = framework === 'tfjs' ? await tfjs(work) : await onnx(framework, work);
    works.set(id, run);
    writeFileSync(path, await run());
    return { version: versionOf(framework === 'tfjs' ? '@tensorflow/tfjs' : framework) };
  }
  if (command === 'drop') {
    works.delete(id);
    return {};
  }
  const run = works.get(id);
  const [start, before] = [performance.now(), process.cpuUsage()];
  for (let i = 0; i < steps; i++) await run();
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(before);
  return { seconds, cpu: (user + system) / 1e6 };
}

for await (const line of createInterface({ input: process.stdin })) {
  const answered = await reply(JSON.parse(line)).catch((error) => ({ error: `${error}`.split('\n')[0] }));
  answer(`${JSON.stringify(answered)}\n`);
}
process.exit(0);
