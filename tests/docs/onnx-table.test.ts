// The table of docs/onnx.md says what the tables of operators say. After a change: FOVEA_WRITE_DOCS=1 npx vitest run tests/docs/onnx-table.test.ts
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { ONNX_MARKS, operatorsTable } from '../../tools/docs-onnx.js';

test('docs/onnx.md is up to date', () => {
  const path = fileURLToPath(new URL('../../docs/onnx.md', import.meta.url));
  const page = readFileSync(path, 'utf8');
  expect(page).toMatch(ONNX_MARKS);
  const want = page.replace(ONNX_MARKS, (_all, start: string, end: string) => `${start}${operatorsTable()}\n${end}`);
  if (process.env.FOVEA_WRITE_DOCS === '1') writeFileSync(path, want);
  else expect(page, 'FOVEA_WRITE_DOCS=1 npx vitest run tests/docs/onnx-table.test.ts').toBe(want);
});
