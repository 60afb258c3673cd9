// From nothing to the first prediction: node start.mjs FRAMEWORK FOLDER prints the milliseconds that importing the
// framework, having the lecture's network and asking it once took. FOVEA_NODE_PEERS names the folder of the peers.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [framework, folder] = process.argv.slice(2);
const picture = new Float32Array(784).fill(0.5);
const peers = () => createRequire(join(process.env.FOVEA_NODE_PEERS, 'package.json'));

async function fovea() {
  const { zoo } = await import(pathToFileURL(join(process.cwd(), 'dist/node/index.js')).href);
  return (await zoo.lectureCnn().predict({ data: picture, shape: [1, 28, 28, 1], dtype: 'float32' })).data;
}

async function onnx(name) {
  const ort = peers()(name);
  const session = await ort.InferenceSession.create(join(folder, 'lecture.onnx'));
  const { [session.outputNames[0]]: y } = await session.run({ x: new ort.Tensor('float32', picture, [1, 1, 28, 28]) });
  return y.data;
}

async function tfjs() {
  const require = peers();
  const tf = require('@tensorflow/tfjs');
  require('@tensorflow/tfjs-backend-wasm');
  await tf.setBackend('wasm');
  const conv = (filters, kernelSize, more = {}) =>
    tf.layers.conv2d({ filters, kernelSize, padding: 'same', activation: 'relu', ...more });
  const pool = () => tf.layers.maxPooling2d({ poolSize: 2 });
  const dense = (units, activation) => tf.layers.dense({ units, activation });
  const model = tf.sequential({
    layers: [
      ...[conv(64, 7, { inputShape: [28, 28, 1] }), pool(), conv(128, 3), conv(128, 3), pool()],
      ...[conv(256, 3), conv(256, 3), pool(), tf.layers.flatten()],
      ...[dense(128, 'relu'), dense(64, 'relu'), dense(10, 'softmax')],
    ],
  });
  return model.predict(tf.tensor(picture, [1, 28, 28, 1])).data();
}

const begin = performance.now();
const result = await (framework === 'fovea' ? fovea() : framework === 'tfjs' ? tfjs() : onnx(framework));
const milliseconds = performance.now() - begin;
if (result.length !== 10) throw new Error('no prediction came out');
// Behind what the frameworks print, on a line of its own.
process.stdout.write(`\n${JSON.stringify({ milliseconds })}\n`);
process.exit(0);
