// ONNX Runtime for Node loads a model and makes a prediction: node load.mjs FILE THREADS. ../load-program.ts is the twin.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [path, threads] = process.argv.slice(2);
const status = (name) =>
  Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))[1]);
const ort = createRequire(join(process.env.FOVEA_NODE_PEERS, 'package.json'))('onnxruntime-node');
const idle = status('VmRSS');
// 5 sets the peak back.
writeFileSync('/proc/self/clear_refs', '5');
const begin = performance.now();
const session = await ort.InferenceSession.create(path, { intraOpNumThreads: Number(threads), interOpNumThreads: 1 });
const [{ name, shape }] = session.inputMetadata;
const sizes = shape.map((size, i) => (i === 0 ? 1 : size));
const x = new ort.Tensor('float32', new Float32Array(sizes.reduce((a, b) => a * b, 1)).fill(0.5), sizes);
const { [session.outputNames[0]]: y } = await session.run({ [name]: x });
const data = y.data;
const milliseconds = performance.now() - begin;
const mebibytes = (status('VmHWM') - idle) / 1024;
// Behind what the framework prints, on a line of its own.
process.stdout.write(`\n${JSON.stringify({ milliseconds, mebibytes, prediction: [...data] })}\n`);
process.exit(0);
