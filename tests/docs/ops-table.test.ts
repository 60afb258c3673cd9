// docs/ops.md and the engines' table of README.md say what the definitions say. After a change:
// FOVEA_WRITE_DOCS=1 npx vitest run tests/docs/ops-table.test.ts
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { allOps } from '../../src/ops/index.js';
import { enginesTable, opsPage } from '../../tools/docs-ops.js';

const pathOf = (file: string): string => fileURLToPath(new URL(`../../${file}`, import.meta.url));
const HOW = 'FOVEA_WRITE_DOCS=1 npx vitest run tests/docs/ops-table.test.ts';

function check(file: string, update: (page: string) => string): void {
  const page = readFileSync(pathOf(file), 'utf8');
  const want = update(page);
  if (process.env.FOVEA_WRITE_DOCS === '1') writeFileSync(pathOf(file), want);
  else expect(page, HOW).toBe(want);
}

test('docs/ops.md is up to date', () => check('docs/ops.md', opsPage));

test('the engines in README.md are up to date', () => {
  const marked = /(<!-- engines:start -->\n)[\s\S]*(<!-- engines:end -->)/;
  expect(readFileSync(pathOf('README.md'), 'utf8')).toMatch(marked);
  check('README.md', (page) =>
    page.replace(marked, (_all, start: string, end: string) => `${start}${enginesTable()}\n${end}`),
  );
});

test('the table has a row for every op', () => {
  const rows = opsPage()
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  expect(rows).toHaveLength(allOps.length);
});
