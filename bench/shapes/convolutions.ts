// Every distinct convolution of the networks that people run, walked layer by layer: what the benchmarks time and the
// tests of the kernels check. Paddings are the same on both sides, as PyTorch's models have them.

/** One convolution of a network. Of a transposed one these are the numbers of the convolution that it turns round. */
export interface Convolution {
  readonly network: string;
  /** Pictures at once. */
  readonly n: number;
  /** Height and width of x. */
  readonly h: number;
  readonly w: number;
  readonly cin: number;
  readonly kh: number;
  readonly kw: number;
  readonly cout: number;
  readonly stride: number;
  /** Cells above and below. */
  readonly padH: number;
  /** Cells left and right. */
  readonly padW: number;
  readonly groups: number;
  /** It goes from y's shape to x's. */
  readonly isTransposed: boolean;
  /** How many layers of the network have these numbers. */
  readonly count: number;
}

/** Height and width of the result. */
export function outputOf({ h, w, kh, kw, stride, padH, padW }: Convolution): [oh: number, ow: number] {
  return [Math.floor((h + 2 * padH - kh) / stride) + 1, Math.floor((w + 2 * padW - kw) / stride) + 1];
}

/** Numbers in the filter. */
export function weightsOf({ kh, kw, cin, cout, groups }: Convolution): number {
  return kh * kw * (cin / groups) * cout;
}

/** Multiplications with an addition each, the padding's counted too. */
export function multiplyAddsOf(convolution: Convolution): number {
  const [oh, ow] = outputOf(convolution);
  return convolution.n * oh * ow * weightsOf(convolution);
}

/** `3x3/2 64>128 56x56`: filter and stride, channels, size of x; `dw` for depthwise, `up` for transposed. */
export function nameOf({ n, h, w, cin, cout, kh, kw, stride, groups, isTransposed }: Convolution): string {
  const kind = isTransposed ? 'up ' : groups === cin && cin > 1 ? 'dw ' : groups > 1 ? `g${groups} ` : '';
  const channels = isTransposed ? `${cout}>${cin}` : `${cin}>${cout}`;
  return `${kind}${kh}x${kw}${stride > 1 ? `/${stride}` : ''} ${channels} ${n > 1 ? `${n}x` : ''}${h}x${w}`;
}

type Size = number | readonly [height: number, width: number];

interface Options {
  readonly stride?: number;
  /** Default: the filter's half, which keeps the size. */
  readonly pad?: Size;
  readonly groups?: number;
}

/** Walks through a network, keeping the size and channels of what flows. */
class Walk {
  constructor(
    private readonly network: string,
    private readonly n: number,
    public size: number,
    public channels: number,
    readonly found: Convolution[] = [],
  ) {}

  conv(filters: number, kernel: Size, { stride = 1, pad, groups = 1 }: Options = {}): this {
    const [kh, kw] = pairOf(kernel);
    const [padH, padW] = pad === undefined ? [kh >> 1, kw >> 1] : pairOf(pad);
    const { network, n, size, channels: cin } = this;
    const numbers = { network, n, h: size, w: size, cin, kh, kw, cout: filters, stride, padH, padW, groups };
    const made: Convolution = { ...numbers, isTransposed: false, count: 1 };
    this.found.push(made);
    [this.size] = outputOf(made);
    this.channels = filters;
    return this;
  }

  depthwise(kernel: number, stride = 1): this {
    return this.conv(this.channels, kernel, { stride, groups: this.channels });
  }

  /** Doubles the size. */
  up(filters: number, kernel: number): this {
    const { network, n, size, channels } = this;
    this.size = 2 * size;
    this.channels = filters;
    const pad = (kernel - 1) >> 1;
    const numbers = { h: this.size, w: this.size, cin: filters, kh: kernel, kw: kernel, cout: channels, groups: 1 };
    this.found.push({ network, n, ...numbers, stride: 2, padH: pad, padW: pad, isTransposed: true, count: 1 });
    return this;
  }

  pool(kernel: number, stride: number, pad = 0): this {
    this.size = Math.floor((this.size + 2 * pad - kernel) / stride) + 1;
    return this;
  }

  /** Another way on from here. */
  branch(): Walk {
    return new Walk(this.network, this.n, this.size, this.channels, this.found);
  }

  /** Branches from here, joined along the channels. */
  join(...branches: readonly ((walk: Walk) => Walk)[]): this {
    const ends = branches.map((branch) => branch(this.branch()));
    this.size = (ends[0] as Walk).size;
    this.channels = ends.reduce((sum, { channels }) => sum + channels, 0);
    return this;
  }
}

const pairOf = (size: Size): readonly [number, number] => (typeof size === 'number' ? [size, size] : size);
const times = (count: number, body: (i: number) => void): void => {
  for (let i = 0; i < count; i++) body(i);
};

/** 224; the stride in the middle of a block, as PyTorch has it. */
function resnet50(network: string, n: number): Walk {
  const walk = new Walk(network, n, 224, 3).conv(64, 7, { stride: 2 }).pool(3, 2, 1);
  for (const [width, blocks, stride] of [
    [64, 3, 1],
    [128, 4, 2],
    [256, 6, 2],
    [512, 3, 2],
  ] as const) {
    times(blocks, (i) => {
      const step = i === 0 ? stride : 1;
      if (i === 0) walk.branch().conv(4 * width, 1, { stride: step });
      walk
        .conv(width, 1)
        .conv(width, 3, { stride: step })
        .conv(4 * width, 1);
    });
  }
  return walk;
}

/** 224: blocks of expansion, depthwise, projection. */
function mobileNetV2(): Walk {
  const walk = new Walk('MobileNetV2', 1, 224, 3).conv(32, 3, { stride: 2 });
  for (const [expand, filters, blocks, stride] of [
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
  ] as const) {
    times(blocks, (i) => {
      if (expand > 1) walk.conv(expand * walk.channels, 1);
      walk.depthwise(3, i === 0 ? stride : 1).conv(filters, 1);
    });
  }
  return walk.conv(1280, 1);
}

/** 224: as MobileNetV2, with a gate on the channels (two 1x1 over one cell). */
function efficientNetB0(): Walk {
  const walk = new Walk('EfficientNetB0', 1, 224, 3).conv(32, 3, { stride: 2 });
  for (const [expand, filters, blocks, stride, kernel] of [
    [1, 16, 1, 1, 3],
    [6, 24, 2, 2, 3],
    [6, 40, 2, 2, 5],
    [6, 80, 3, 2, 3],
    [6, 112, 3, 1, 5],
    [6, 192, 4, 2, 5],
    [6, 320, 1, 1, 3],
  ] as const) {
    times(blocks, (i) => {
      const gate = walk.channels / 4;
      if (expand > 1) walk.conv(expand * walk.channels, 1);
      walk.depthwise(kernel, i === 0 ? stride : 1);
      walk.branch().pool(walk.size, 1).conv(gate, 1).conv(walk.channels, 1);
      walk.conv(filters, 1);
    });
  }
  return walk.conv(1280, 1);
}

/** 224. */
function vgg16(): Walk {
  const walk = new Walk('VGG16', 1, 224, 3);
  for (const [filters, count] of [
    [64, 2],
    [128, 2],
    [256, 3],
    [512, 3],
    [512, 3],
  ] as const) {
    times(count, () => walk.conv(filters, 3));
    walk.pool(2, 2);
  }
  return walk;
}

/** 416, the backbone of YOLOv3. */
function darknet53(): Walk {
  const walk = new Walk('Darknet-53', 1, 416, 3).conv(32, 3);
  for (const [filters, blocks] of [
    [64, 1],
    [128, 2],
    [256, 8],
    [512, 8],
    [1024, 4],
  ] as const) {
    walk.conv(filters, 3, { stride: 2 });
    times(blocks, () => walk.conv(filters / 2, 1).conv(filters, 3));
  }
  return walk;
}

/** 299, without the classifier at its side. */
function inceptionV3(): Walk {
  const walk = new Walk('Inception v3', 1, 299, 3);
  walk.conv(32, 3, { stride: 2, pad: 0 }).conv(32, 3, { pad: 0 }).conv(64, 3).pool(3, 2);
  walk.conv(80, 1).conv(192, 3, { pad: 0 }).pool(3, 2);
  const halved = { stride: 2, pad: 0 };
  for (const pooled of [32, 64, 64]) {
    walk.join(
      (a) => a.conv(64, 1),
      (b) => b.conv(48, 1).conv(64, 5),
      (c) => c.conv(64, 1).conv(96, 3).conv(96, 3),
      (d) => d.conv(pooled, 1),
    );
  }
  walk.join(
    (a) => a.conv(384, 3, halved),
    (b) => b.conv(64, 1).conv(96, 3).conv(96, 3, halved),
    (c) => c.pool(3, 2),
  );
  for (const width of [128, 160, 160, 192]) {
    walk.join(
      (a) => a.conv(192, 1),
      (b) => b.conv(width, 1).conv(width, [1, 7]).conv(192, [7, 1]),
      (c) => c.conv(width, 1).conv(width, [7, 1]).conv(width, [1, 7]).conv(width, [7, 1]).conv(192, [1, 7]),
      (d) => d.conv(192, 1),
    );
  }
  walk.join(
    (a) => a.conv(192, 1).conv(320, 3, halved),
    (b) => b.conv(192, 1).conv(192, [1, 7]).conv(192, [7, 1]).conv(192, 3, halved),
    (c) => c.pool(3, 2),
  );
  const crossed = (from: Walk): Walk =>
    from.join(
      (a) => a.conv(384, [1, 3]),
      (b) => b.conv(384, [3, 1]),
    );
  times(2, () => {
    walk.join(
      (a) => a.conv(320, 1),
      (b) => crossed(b.conv(384, 1)),
      (c) => crossed(c.conv(448, 1).conv(384, 3)),
      (d) => d.conv(192, 1),
    );
  });
  return walk;
}

/** 256, padded so that sizes stay, one class. */
function uNet(): Walk {
  const walk = new Walk('U-Net', 1, 256, 3);
  const pair = (filters: number): Walk => walk.conv(filters, 3).conv(filters, 3);
  for (const filters of [64, 128, 256, 512]) {
    pair(filters);
    walk.pool(2, 2);
  }
  pair(1024);
  for (const filters of [512, 256, 128, 64]) {
    walk.up(filters, 2);
    walk.channels = 2 * filters;
    pair(filters);
  }
  return walk.conv(1, 1);
}

/** 28, batch 32: `zoo.lectureCnn`. */
function lectureCnn(): Walk {
  const walk = new Walk("lecture's CNN", 32, 28, 1).conv(64, 7).pool(2, 2);
  return walk.conv(128, 3).conv(128, 3).pool(2, 2).conv(256, 3).conv(256, 3);
}

/** 256: a picture in, a picture out, five residual blocks between. */
function styleTransfer(): Walk {
  const walk = new Walk('style transfer', 1, 256, 3).conv(32, 9).conv(64, 3, { stride: 2 }).conv(128, 3, { stride: 2 });
  times(10, () => walk.conv(128, 3));
  return walk.up(64, 3).up(32, 3).conv(3, 9);
}

/** Every layer of every network, in order. */
export function everyLayer(): readonly Convolution[] {
  const walks = [resnet50('ResNet-50', 1), resnet50('ResNet-50 b8', 8), mobileNetV2(), efficientNetB0(), vgg16()];
  walks.push(darknet53(), inceptionV3(), uNet(), lectureCnn(), styleTransfer());
  return walks.flatMap(({ found }) => found);
}

/** Every distinct convolution of each network, with how often it has it. */
export function convolutions(): readonly Convolution[] {
  const found = new Map<string, Convolution>();
  for (const layer of everyLayer()) {
    const key = `${layer.network} ${nameOf(layer)} ${layer.padH},${layer.padW}`;
    found.set(key, { ...layer, count: (found.get(key)?.count ?? 0) + 1 });
  }
  return [...found.values()];
}
