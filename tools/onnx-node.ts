// `npm run onnx-node -- [folder] [names]`: ONNX's operator tests, run by the graphs of src/interchange/onnx. One line for each
// test that does not pass, one for each operator that is not known, then how many pass.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { disposeEngine, FoveaError } from '../src/index.js';
import { runTest, testNames } from './onnx-node/cases.js';

async function main(): Promise<number> {
  const { positionals } = parseArgs({ allowPositionals: true });
  const data = process.env.FOVEA_DATA;
  const [given, ...parts] = positionals;
  const folder = given ?? (data === undefined || data === '' ? undefined : join(data, 'onnx-node'));
  if (folder === undefined || !existsSync(folder)) {
    console.error(`onnx-node: ${folder === undefined ? 'name a folder, or set FOVEA_DATA' : `there is no ${folder}`}`);
    return 2;
  }
  const names = testNames(folder).filter((name) => parts.length === 0 || parts.some((part) => name.includes(part)));
  const unknown = new Map<string, number>();
  let passed = 0;
  for (const name of names) {
    try {
      await runTest(folder, name);
      passed++;
    } catch (error) {
      const { message } = error as Error;
      const operator = error instanceof FoveaError && error.code === 'unsupported' ? operatorOf(error) : undefined;
      if (operator !== undefined) unknown.set(operator, (unknown.get(operator) ?? 0) + 1);
      console.log(`FAILED ${name}: ${message.split('\n')[0]}`);
    }
  }
  for (const [operator, count] of [...unknown].sort()) console.log(`unsupported ${operator}: ${count} tests`);
  console.log(`${passed} of ${names.length} pass`);
  disposeEngine();
  return 0;
}

function operatorOf(error: FoveaError): string | undefined {
  return /operator '([^']+)'/.exec(error.message)?.[1] ?? error.op;
}

process.exitCode = await main();
process.exit();
