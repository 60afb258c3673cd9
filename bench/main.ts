// `npm run bench [name] [arguments]`: measurements against their targets; fails where one is missed. Without a name:
// all of them, each with its defaults.
import { hasMissed } from './harness.js';
import { benchOverhead } from './overhead.js';
import { benchTrainingStep } from './training-step.js';

const BENCHES: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  overhead: benchOverhead,
  'training-step': benchTrainingStep,
};

const [wanted, ...args] = process.argv.slice(2);
if (wanted !== undefined && BENCHES[wanted] === undefined) {
  console.error(`fovea: there is no benchmark '${wanted}'; there are: ${Object.keys(BENCHES).join(', ')}.`);
  process.exit(2);
}
for (const [name, bench] of Object.entries(BENCHES)) {
  if (wanted === undefined || wanted === name) await bench(args);
}
process.exitCode = hasMissed() ? 1 : 0;
