// The first run of a Program after it was compiled, and a warm one, in milliseconds: the lecture's network forward,
// batch 32. Arguments: engine, threads, level.
import { trace } from '../src/compile/trace.js';
import { currentEngine } from '../src/engine/current.js';
import { Executable } from '../src/engine/execute.js';
import { Storage } from '../src/graph/storage.js';
import { disposeEngine, setEngine, zoo } from '../src/index.js';
import { inferenceContext } from '../src/nn/layer.js';
import { numbers } from './numbers.js';
import { spreadOf } from './race.js';

const [name = 'native', threads = '2', level] = process.argv.slice(2);
await setEngine(name as 'native' | 'wasm', { threads: Number(threads), ...(level === undefined ? {} : { level }) });
const engine = await currentEngine();
const model = zoo.lectureCnn();
// Drawn now rather than in the first run.
await model.getWeights();
const shape = [32, 28, 28, 1];
const { graph, variables } = trace((x) => model.call([x], inferenceContext), [{ shape, dtype: 'float32' }]);
const executable = Executable.compile(engine, graph, (leaf) => variables.has(leaf));
const x = new Storage('float32', 32 * 784, { host: numbers(1, shape) });
const storages = await Promise.all(
  executable.leaves.map(async ({ node }) => (await variables.get(node)?.readable()) ?? x),
);
const times: number[] = [];
for (let run = 0; run < 21; run++) {
  const start = performance.now();
  const { outputs, finished } = executable.run(storages);
  await finished;
  times.push(performance.now() - start);
  for (const output of outputs) output.dispose();
}
console.log(JSON.stringify({ cold: times[0], warm: spreadOf(times.slice(1)).median }));
await disposeEngine();
process.exit(0);
