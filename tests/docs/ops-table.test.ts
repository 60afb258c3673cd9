// docs/ops.md says what the definitions say. After a change: FOVEA_WRITE_DOCS=1 npx vitest run tests/docs/ops-table.test.ts
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { allOps } from '../../src/ops/index.js';
import { opsPage } from '../../tools/docs-ops.js';

const file = fileURLToPath(new URL('../../docs/ops.md', import.meta.url));

test('docs/ops.md is up to date', () => {
  if (process.env.FOVEA_WRITE_DOCS === '1') writeFileSync(file, opsPage());
  expect(readFileSync(file, 'utf8'), 'FOVEA_WRITE_DOCS=1 npx vitest run tests/docs/ops-table.test.ts').toBe(opsPage());
});

test('the table has a row for every op', () => {
  const rows = opsPage().split('\n').filter((line) => line.startsWith('| `'));
  expect(rows).toHaveLength(allOps.length);
});
