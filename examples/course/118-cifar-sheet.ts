// intro: CIFAR-10, 50,000 + 10,000 photos of 32 x 32 pixels in ten classes (a part of them where the data folder holds a
// part). Draws ten photos of each class, one row for each.
import { datasets, plot, rowOf } from 'fovea';
import { chart, draw } from './drawing.js';
import { sizes } from './lib.js';

const COLUMNS = 10;
const { train, test } = await datasets.cifar10();
const names = train.classNames ?? [];
console.log(`${train.length} + ${test.length} photos, ${sizes(train.x.shape.slice(1))}`);
console.log(`classes: ${names.join(', ')}`);

const labels = Array.from(train.y.data);
const rows = names.map((_, label) => labels.flatMap((each, i) => (each === label ? [i] : [])).slice(0, COLUMNS));
console.log(
  `drawn: ${rows.flat().length}, each of its row's class: ${rows.every((row, label) => row.every((i) => labels[i] === label))}`,
);
const pictures = rows.flat().map((i) => rowOf(train.x, i));
const captions = rows.flatMap((row, label) => row.map((_, column) => (column === 0 ? (names[label] as string) : '')));
await draw(
  '118-cifar-sheet',
  'CIFAR-10: ten of each class',
  chart(plot.grid(pictures, { columns: COLUMNS, scale: 2, labels: captions, gap: 4 })),
);
