// What detectors give as boxes: decoding of YOLOX, Darknet and UltraFace, and non-maximum suppression. In plain numbers: the
// library's own detection comes with the tasks.
import type { Fitted } from './pictures.js';

/** A found thing, in the picture's pixels. */
export interface Box {
  readonly label: string;
  readonly score: number;
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

export function overlap(a: Box, b: Box): number {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  if (width <= 0 || height <= 0) return 0;
  const area = ({ left, top, right, bottom }: Box): number => (right - left) * (bottom - top);
  return (width * height) / (area(a) + area(b) - width * height);
}

/** The best boxes, none of which overlaps another of its label by more than `most`. */
export function bestOf(boxes: readonly Box[], most = 0.45): Box[] {
  const kept: Box[] = [];
  for (const box of [...boxes].sort((a, b) => b.score - a.score)) {
    if (kept.every((other) => other.label !== box.label || overlap(other, box) <= most)) kept.push(box);
  }
  return kept;
}

/** From the middle and the size in the input's pixels to the picture's. */
function boxAt(
  label: string,
  score: number,
  [x, y, w, h]: readonly [number, number, number, number],
  fitted: Fitted,
): Box {
  const toX = (value: number): number => (value - fitted.offset[0]) / fitted.scale[0];
  const toY = (value: number): number => (value - fitted.offset[1]) / fitted.scale[1];
  return { label, score, left: toX(x - w / 2), top: toY(y - h / 2), right: toX(x + w / 2), bottom: toY(y + h / 2) };
}

/** YOLOX: [1,cells,5 + classes], cells of strides 8, 16 and 32 in this order. */
export function yoloxBoxes(
  data: Float32Array,
  size: number,
  labels: readonly string[],
  fitted: Fitted,
  least: number,
): Box[] {
  const step = 5 + labels.length;
  const boxes: Box[] = [];
  let at = 0;
  for (const stride of [8, 16, 32]) {
    const cells = size / stride;
    for (let i = 0; i < cells * cells; i++, at += step) {
      const objectness = data[at + 4] as number;
      const [best, score] = largest(data, at + 5, labels.length);
      if (objectness * score < least) continue;
      const [x, y, w, h] = data.subarray(at, at + 4) as unknown as [number, number, number, number];
      const middle = [(x + (i % cells)) * stride, (y + Math.floor(i / cells)) * stride] as const;
      const place = [...middle, Math.exp(w) * stride, Math.exp(h) * stride] as const;
      boxes.push(boxAt(labels[best] as string, objectness * score, place, fitted));
    }
  }
  return boxes;
}

/** What a model of Darknet says of a head. */
export interface Head {
  readonly anchors: readonly (readonly [number, number])[];
  readonly mask: readonly number[];
  readonly classes: number;
  readonly scale_x_y?: number;
}

/** One [yolo] head: [1,rows,columns,anchors * (5 + classes)] before any activation. */
export function darknetBoxes(
  { data, shape }: { readonly data: Float32Array; readonly shape: readonly number[] },
  head: Head,
  size: number,
  labels: readonly string[],
  fitted: Fitted,
  least: number,
): Box[] {
  const [, rows, columns, channels] = shape as [number, number, number, number];
  const step = 5 + head.classes;
  const stretch = head.scale_x_y ?? 1;
  const boxes: Box[] = [];
  for (let cell = 0; cell < rows * columns; cell++) {
    head.mask.forEach((anchor, i) => {
      const at = cell * channels + i * step;
      const objectness = sigmoid(data[at + 4] as number);
      const [best, logit] = largest(data, at + 5, head.classes);
      const score = objectness * sigmoid(logit);
      if (score < least) return;
      const within = (value: number): number => sigmoid(value) * stretch - (stretch - 1) / 2;
      const [width, height] = head.anchors[anchor] as readonly [number, number];
      const x = ((within(data[at] as number) + (cell % columns)) / columns) * size;
      const y = ((within(data[at + 1] as number) + Math.floor(cell / columns)) / rows) * size;
      const [w, h] = [Math.exp(data[at + 2] as number) * width, Math.exp(data[at + 3] as number) * height];
      boxes.push(boxAt(labels[best] as string, score, [x, y, w, h], fitted));
    });
  }
  return boxes;
}

/** UltraFace of 320 x 240: scores [1,4420,2] and offsets from priors [1,4420,4]. */
export function ultrafaceBoxes(scores: Float32Array, offsets: Float32Array, fitted: Fitted, least: number): Box[] {
  const sizes = [
    [10, 16, 24],
    [32, 48],
    [64, 96],
    [128, 192, 256],
  ] as const;
  const boxes: Box[] = [];
  let at = 0;
  [8, 16, 32, 64].forEach((stride, level) => {
    const [columns, rows] = [Math.ceil(320 / stride), Math.ceil(240 / stride)];
    for (let cell = 0; cell < rows * columns; cell++) {
      for (const side of sizes[level] as readonly number[]) {
        const [other, face] = [scores[2 * at] as number, scores[2 * at + 1] as number];
        // Of logits or of shares that sum to 1.
        const score = Math.abs(other + face - 1) < 1e-3 ? face : sigmoid(face - other);
        if (score >= least) {
          const [dx, dy, dw, dh] = offsets.subarray(4 * at, 4 * at + 4) as unknown as [number, number, number, number];
          const x = ((cell % columns) + 0.5) * stride + dx * 0.1 * side;
          const y = (Math.floor(cell / columns) + 0.5) * stride + dy * 0.1 * side;
          boxes.push(boxAt('face', score, [x, y, Math.exp(0.2 * dw) * side, Math.exp(0.2 * dh) * side], fitted));
        }
        at++;
      }
    }
  });
  return boxes;
}

function largest(data: Float32Array, from: number, count: number): [index: number, value: number] {
  let best = 0;
  for (let i = 1; i < count; i++) if ((data[from + i] as number) > (data[from + best] as number)) best = i;
  return [best, data[from + best] as number];
}
