// The networks of the zoo against Keras's and torchvision's, from the golden values: every weight of all of them, and what the
// small ones compute. Values of the larger ones: npm run golden, and npm run nightly.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { disposeEngine, setEngine } from '../../src/engine/current.js';
import '../../src/engine/install.js';
import { classifierCases } from '../../tools/golden/classifiers.js';
import { GoldenFolder } from '../../tools/golden/folder.js';
import { engine } from '../../tools/golden/machines.js';
import { replayCase } from '../../tools/golden/replay.js';
import { zooCases } from '../../tools/golden/zoo.js';
import { goldenFolder } from '../nn/golden.js';

const isQuick = process.env.FOVEA_NIGHTLY !== '1';
const folder = goldenFolder === undefined ? undefined : new GoldenFolder(goldenFolder);

beforeAll(async () => {
  await setEngine('native', { threads: 2 });
});
afterAll(() => disposeEngine());

describe.skipIf(folder === undefined)('networks of the zoo', () => {
  const cases = folder === undefined ? [] : [...zooCases(folder, 0, isQuick), ...classifierCases(folder, 0, isQuick)];
  test.each(cases.map((each) => [`${each.suite}/${each.name}`, each] as const))(
    '%s',
    { timeout: 120_000 },
    async (_name, each) => {
      expect((await replayCase(each, engine)).failure).toBeUndefined();
    },
  );
});
