// Makes the table of operators of docs/onnx.md; tests/docs/onnx-table.test.ts checks that it is up to date and writes it anew
// under FOVEA_WRITE_DOCS=1.
import { layerMakers } from '../src/interchange/onnx/layers/index.js';
import { graphOperators, hostOperators, tensorOperators } from '../src/interchange/onnx/tables.js';

/** Where the table stands in the page. */
export const ONNX_MARKS = /(<!-- operators:start -->\n)[\s\S]*(<!-- operators:end -->)/;

/** Every operator that is read, by what becomes of it. */
export function operatorsTable(): string {
  const layered = [...layerMakers.keys()];
  const onEngine = [...tensorOperators.keys()].filter((name) => !layered.includes(name));
  const onHost = [...hostOperators.keys()].filter((name) => !layered.includes(name) && !tensorOperators.has(name));
  const count = new Set([...layered, ...tensorOperators.keys(), ...hostOperators.keys(), ...graphOperators.keys()])
    .size;
  const cell = (names: readonly string[]): string => [...names].sort().join(', ');
  return [
    `${count} operators:`,
    '',
    '| in a model | operators |',
    '|---|---|',
    `| layers of Keras's where their settings allow it, else operation layers | ${cell(layered)} |`,
    `| operation layers | ${cell(onEngine)} |`,
    `| of shapes and constants alone; of data in \`loadOnnxGraph\` | ${cell(onHost)} |`,
    `| graphs inside, for \`loadOnnxGraph\` | ${cell([...graphOperators.keys()])} |`,
  ].join('\n');
}
