// Runs the networks with real weights on real pictures, prints the table, and draws what detectors find:
// `node tools/run.mjs tools/real-weights.ts FOLDER`. FOVEA_DATA says where weights and pictures are.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { convertChannels, disposeEngine, plot } from '../src/index.js';
import type { Box } from './real-weights/boxes.js';
import * as rows from './real-weights/rows.js';

const data = process.env.FOVEA_DATA;
const folder = process.argv[2];
const PHOTOS = ['dog.jpg', 'bus.jpg', 'person.jpg', 'horses.jpg', 'giraffe.jpg', 'zidane.jpg', 'eagle.jpg'];
const COLOURS = ['#e6194b', '#3cb44b', '#4363d8', '#f58231', '#911eb4', '#008080', '#9a6324'] as const;

const said = ({ label, score, left, top, right, bottom }: Box): string =>
  `${label} ${score.toFixed(2)} [${[left, top, right, bottom].map(Math.round).join(',')}]`;

/** Boxes with their labels, and points, on the picture. */
function draw({ picture, boxes, points }: rows.Found): plot.Figure {
  const [height, width] = picture.shape as [number, number];
  const rgba = convertChannels(picture, 4).data as Uint8Array;
  const pixels = { width, height, data: new Uint8ClampedArray(rgba) };
  const labels = [...new Set(boxes.map(({ label }) => label))];
  const shapes: plot.Shape[] = [{ kind: 'image', x: 0, y: 0, width, height, pixels }];
  for (const box of boxes) {
    const colour = COLOURS[labels.indexOf(box.label) % COLOURS.length] as (typeof COLOURS)[number];
    const path = new plot.Path();
    path.moveTo(box.left, box.top);
    path.lineTo(box.right, box.top);
    path.lineTo(box.right, box.bottom);
    path.lineTo(box.left, box.bottom);
    path.closePath();
    shapes.push({ kind: 'path', path, stroke: colour, strokeWidth: 3 });
    const text = `${box.label} ${box.score.toFixed(2)}`;
    const y = Math.max(0, box.top - 18);
    shapes.push({ kind: 'rect', x: box.left, y, width: plot.textWidth(text, 14) + 8, height: 18, fill: colour });
    shapes.push({ kind: 'text', x: box.left + 4, y: y + 14, text, size: 14, fill: '#ffffff', isBold: true });
  }
  for (const { x, y } of points) shapes.push({ kind: 'dot', x, y, radius: Math.max(1, width / 300), fill: '#00ff66' });
  return new plot.Figure({ width, height, description: 'what a detector found', shapes });
}

async function main(): Promise<void> {
  if (data === undefined || folder === undefined) {
    console.error('fovea: set FOVEA_DATA, and say into which folder the pictures go.');
    process.exitCode = 2;
    return;
  }
  mkdirSync(folder, { recursive: true });
  const show = async (row: string, found: readonly rows.Found[]): Promise<void> => {
    for (const each of found) {
      console.log(`${row}, ${each.name}: ${each.boxes.map(said).join('; ') || `${each.points.length} points`}`);
      const name = `${row} ${each.name}`.replace(/\.\w+$/, '').replaceAll(' ', '-');
      writeFileSync(join(folder, `${name}.png`), await draw(each).png(1));
    }
  };
  const row = async (name: string, run: () => Promise<void>): Promise<void> => {
    try {
      await run();
    } catch (error) {
      console.log(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      process.exitCode = 1;
    }
  };
  await row('mobilenet', async () => console.log('mobilenet', await rows.mobilenetHits(data)));
  await row('tiny darknet', async () => console.log('tiny darknet', await rows.tinyDarknetHits(data)));
  await row('resnet8', async () => console.log(`resnet8: ${await rows.resnet8Right(data)} of 1000`));
  await row('lenet', async () => console.log(`lenet: ${await rows.lenetRight(data)} of 2000`));
  await row('yolo-fastest', async () => show('yolo-fastest', await rows.yoloFastestFound(data, PHOTOS)));
  await row('yolox', async () => show('yolox', await rows.yoloxFound(data, PHOTOS)));
  await row('ultraface', async () => show('ultraface', [await rows.ultrafaceFound(data)]));
  await row('face-api', async () => show('face-api', [await rows.faceApiFound(data)]));
  await row('face-api points', async () => {
    const all = await rows.faceApiPoints(data);
    for (const { name, worst } of all)
      console.log(`face-api, ${name}: the worst point is ${worst.toFixed(2)} pixels off`);
    await show('face-api', all);
  });
  await disposeEngine();
}

await main();
