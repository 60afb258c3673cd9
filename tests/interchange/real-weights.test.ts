// Networks with real weights on real pictures, read from FOVEA_DATA: what a right loader gets. tools/real-weights.ts draws what
// the detectors find.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { disposeEngine, setEngine } from '../../src/engine/current.js';
import '../../src/engine/install.js';
import type { Box } from '../../tools/real-weights/boxes.js';
import * as rows from '../../tools/real-weights/rows.js';

const folder = process.env.FOVEA_DATA;
const data = folder ?? '';
const TIME = { timeout: 120_000 };

beforeAll(async () => {
  await setEngine('native', { threads: 2 });
});
afterAll(() => disposeEngine());

/** Whether a thing of this name lies within some pixels of [left, top, right, bottom]. */
function expectThing(
  boxes: readonly Box[],
  label: string,
  want: readonly number[],
  within: number,
  score: number,
): void {
  const off = ({ left, top, right, bottom }: Box): number =>
    Math.max(...[left, top, right, bottom].map((value, i) => Math.abs(value - (want[i] as number))));
  const found = boxes.filter((box) => box.label === label).sort((a, b) => off(a) - off(b))[0];
  expect(found, `no ${label}`).toBeDefined();
  expect(off(found as Box), `${label}: ${JSON.stringify(found)}`).toBeLessThanOrEqual(within);
  expect(Math.abs((found as Box).score - score)).toBeLessThanOrEqual(0.05);
}

describe.skipIf(folder === undefined)('classifiers', () => {
  test('MobileNet of width 0.25, from tfjs: a hundred photos', TIME, async () => {
    const { top1, top5, count, parameters } = await rows.mobilenetHits(data);
    expect([parameters, count]).toEqual([475_544, 100]);
    expect(Math.abs(top1 - 61)).toBeLessThanOrEqual(3);
    expect(Math.abs(top5 - 82)).toBeLessThanOrEqual(3);
  });

  test('tiny Darknet, from tfjs: a hundred photos', TIME, async () => {
    const { top1, top5, count, parameters } = await rows.tinyDarknetHits(data);
    expect([parameters, count]).toEqual([1_046_488, 100]);
    expect(Math.abs(top1 - 69)).toBeLessThanOrEqual(3);
    expect(Math.abs(top5 - 88)).toBeLessThanOrEqual(3);
  });

  test('a ResNet-8 from a legacy .h5: 1,000 pictures of CIFAR-10', TIME, async () => {
    expect(await rows.resnet8Right(data)).toBe(862);
  });

  test('LeNet from Caffe: 2,000 digits', TIME, async () => {
    expect(await rows.lenetRight(data)).toBe(1972);
  });
});

describe.skipIf(folder === undefined)('detectors', () => {
  test('YOLOX-nano, from ONNX', TIME, async () => {
    const [dog, bus] = (await rows.yoloxFound(data, ['dog.jpg', 'bus.jpg'])).map(({ boxes }) => boxes) as [
      Box[],
      Box[],
    ];
    // The bicycle's left end and the bus's left edge move by some pixels with how the picture is resized.
    expectThing(dog, 'dog', [133, 206, 324, 542], 10, 0.83);
    expectThing(dog, 'car', [466, 78, 691, 171], 10, 0.81);
    expectThing(dog, 'bicycle', [45, 131, 571, 430], 10, 0.81);
    expect(dog).toHaveLength(3);
    expectThing(bus, 'bus', [7, 229, 805, 733], 10, 0.91);
    expect(bus.map(({ label }) => label).sort()).toEqual(['bus', 'person', 'person', 'person']);
  });

  test('YOLO-fastest, from Darknet', TIME, async () => {
    const all = await rows.yoloFastestFound(data, ['dog.jpg', 'bus.jpg', 'person.jpg', 'eagle.jpg', 'zidane.jpg']);
    const [dog, bus, person, eagle, zidane] = all.map(({ boxes }) => boxes) as [Box[], Box[], Box[], Box[], Box[]];
    expectThing(dog, 'dog', [122, 220, 366, 515], 3, 0.66);
    expectThing(dog, 'car', [454, 77, 684, 180], 3, 0.89);
    expect(dog.some(({ label }) => label === 'bicycle')).toBe(true);
    expectThing(bus, 'bus', [96, 190, 799, 765], 3, 0.9);
    expectThing(person, 'person', [182, 88, 270, 381], 3, 0.99);
    expectThing(eagle, 'bird', [223, 88, 588, 444], 3, 0.87);
    expect(zidane.map(({ label }) => label)).toEqual(['person', 'person']);
  });

  test('UltraFace, from ONNX: six faces', TIME, async () => {
    const { boxes } = await rows.ultrafaceFound(data);
    expect(boxes).toHaveLength(6);
    expect(Math.min(...boxes.map(({ score }) => score))).toBeGreaterThan(0.95);
  });

  test("face-api's detector, of 8 bits: the same six faces, and points within them", TIME, async () => {
    const { boxes, points } = await rows.faceApiFound(data);
    const others = (await rows.ultrafaceFound(data)).boxes;
    expect(boxes).toHaveLength(6);
    const middle = ({ left, top, right, bottom }: Box) => ({ x: (left + right) / 2, y: (top + bottom) / 2 });
    const holds = (box: Box, { x, y }: { x: number; y: number }): boolean =>
      x > box.left && x < box.right && y > box.top && y < box.bottom;
    for (const other of others) expect(boxes.filter((box) => holds(box, middle(other)))).toHaveLength(1);
    expect(points).toHaveLength(6 * 68);
    boxes.forEach((box, i) => {
      for (const point of points.slice(68 * i, 68 * i + 68)) expect(holds(box, point)).toBe(true);
    });
  });

  test("face-api's 68 points, full and tiny", TIME, async () => {
    const all = await rows.faceApiPoints(data);
    expect(all).toHaveLength(4);
    for (const { name, worst } of all) expect(worst, name).toBeLessThanOrEqual(3);
  });
});
