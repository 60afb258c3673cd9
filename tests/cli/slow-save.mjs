// Preloaded into a process under test: says when a save has opened its copy and when it is about to rename it, and
// waits there FOVEA_TEST_PAUSE ms, so that signals can be aimed between the two.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { setTimeout } from 'node:timers/promises';

const pause = Number(process.env.FOVEA_TEST_PAUSE ?? 0);
const { open, rename } = fs.promises;
fs.promises.open = async (path, ...rest) => {
  const file = await open(path, ...rest);
  if (String(path).includes('.keras.tmp-')) fs.writeSync(1, 'opened\n');
  return file;
};
fs.promises.rename = async (from, to) => {
  if (String(to).endsWith('.keras')) {
    fs.writeSync(1, 'written\n');
    await setTimeout(pause);
  }
  await rename(from, to);
  if (String(to).endsWith('.keras')) fs.writeSync(1, 'renamed\n');
};
syncBuiltinESMExports();
