// Every row of bad-input.ts throws a FoveaError with the whole message that stands there.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FoveaError, setRandomSeed } from '../../src/index.js';
import { badInputs } from './bad-input.js';

const folder = mkdtempSync(join(tmpdir(), 'fovea-bad-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  if (process.env.FOVEA_PRINT !== '1') return;
  console.log(
    badInputs.map(({ what, message }) => `- **${what}**\n\n${message.replace(/^/gm, '      ')}\n`).join('\n'),
  );
});

describe('bad input', () => {
  for (const { what, run, message } of badInputs) {
    it(what, async (context) => {
      setRandomSeed(1);
      const end: unknown = await run(folder).catch((reason: unknown) => reason);
      const reason = (end as { skipped?: string } | undefined)?.skipped;
      if (reason !== undefined) return context.skip(reason);
      expect(end).toBeInstanceOf(FoveaError);
      expect((end as FoveaError).message.replaceAll(folder, 'FOLDER')).toBe(message);
    });
  }
});
