// The table of docs/zoo.md says what the entries say. After a change: FOVEA_WRITE_DOCS=1 npx vitest run tests/docs/zoo-table.test.ts
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { ZOO_MARKS, zooTable } from '../../tools/docs-zoo.js';

test('docs/zoo.md is up to date', () => {
  const path = fileURLToPath(new URL('../../docs/zoo.md', import.meta.url));
  const page = readFileSync(path, 'utf8');
  expect(page).toMatch(ZOO_MARKS);
  const want = page.replace(ZOO_MARKS, (_all, start: string, end: string) => `${start}${zooTable()}\n${end}`);
  if (process.env.FOVEA_WRITE_DOCS === '1') writeFileSync(path, want);
  else expect(page, 'FOVEA_WRITE_DOCS=1 npx vitest run tests/docs/zoo-table.test.ts').toBe(want);
});
