import { decode } from 'fast-png';
import { describe, expect, test } from 'vitest';
import { channelTiles, type Figure, filterTiles, grid, type ImageArray, image } from '../../src/plot/index.js';

const CLEAR = [0, 0, 0, 0];

/** Pixels of the PNG by [row][column]. */
async function pixelsOf(figure: Figure, scale?: number): Promise<number[][][]> {
  const { width, height, data, channels } = decode(await figure.png(scale));
  expect(channels).toBe(4);
  return Array.from({ length: height }, (_, row) =>
    Array.from({ length: width }, (_, column) => {
      const at = 4 * (row * width + column);
      return [...data.slice(at, at + 4)];
    }),
  );
}

describe('plot.image', () => {
  test('one channel goes through the map, from its smallest to its largest number', async () => {
    const figure = image({ data: [1, 2, 3, 5], shape: [2, 2] }, { colormap: 'gray', scale: 1 });
    const grey = (value: number): number[] => [value, value, value, 255];
    // Entry floor(256 x) of 256: 0, 64, 128, 255.
    expect(await pixelsOf(figure)).toEqual([
      [grey(0), grey(64)],
      [grey(128), grey(255)],
    ]);
  });

  test('viridis is the default map', async () => {
    const [row] = await pixelsOf(image({ data: new Float32Array([0, 1]), shape: [1, 2, 1] }, { scale: 1 }));
    expect(row?.[0]).toEqual([68, 1, 84, 255]);
    expect(row?.[1]?.slice(0, 2)).toEqual([253, 231]);
  });

  test('vmin and vmax clip; what is not a number is clear; an even picture gets the first colour', async () => {
    const data = [-9, 0, 5, 99, Number.NaN, Number.POSITIVE_INFINITY];
    const [row] = await pixelsOf(image({ data, shape: [1, 6] }, { colormap: 'gray', vmin: 0, vmax: 10, scale: 1 }));
    expect(row?.map((pixel) => pixel[0])).toEqual([0, 0, 128, 255, 0, 255]);
    expect(row?.[4]).toEqual(CLEAR);
    const [even] = await pixelsOf(image({ data: [7, 7], shape: [1, 2] }, { colormap: 'gray', scale: 1 }));
    expect(even?.[0]).toEqual([0, 0, 0, 255]);
  });

  test.each([
    ['floats of 0 to 1', new Float32Array([0, 0.5, 2])],
    ['bytes', new Uint8Array([0, 128, 255])],
    ['a list of bytes', [0, 128, 300]],
  ])('three channels are colours, clipped: %s', async (_, data) => {
    const [[pixel]] = (await pixelsOf(image({ data, shape: [1, 1, 3] }, { scale: 1 }))) as [number[][]];
    expect(pixel).toEqual([0, 128, 255, 255]);
  });

  test('the dtype says what white is; vmin and vmax scale colours', async () => {
    const floats: ImageArray = { data: [1, 2, 0], shape: [1, 1, 3], dtype: 'float32' };
    expect((await pixelsOf(image(floats, { scale: 1 })))[0]?.[0]).toEqual([255, 255, 0, 255]);
    const bytes = { data: new Float32Array([0, 51, 255]), shape: [1, 1, 3] };
    expect((await pixelsOf(image(bytes, { scale: 1, vmin: 0, vmax: 255 })))[0]?.[0]).toEqual([0, 51, 255, 255]);
  });

  test('a fourth channel and alpha are opacity', async () => {
    const data = new Uint8Array([10, 20, 30, 128, 1, 2, 3, 0]);
    const [row] = await pixelsOf(image({ data, shape: [1, 2, 4] }, { scale: 1 }));
    expect(row).toEqual([[10, 20, 30, 128], CLEAR]);
    const [half] = await pixelsOf(image({ data: [0, 1], shape: [1, 2] }, { colormap: 'gray', alpha: 0.5, scale: 1 }));
    expect(half?.[1]).toEqual([255, 255, 255, 128]);
  });

  test('scale repeats pixels exactly, in the figure and in the PNG; origin lower turns the rows round', async () => {
    const array = { data: [0, 1, 2, 3, 4, 5], shape: [2, 3] };
    const once = await pixelsOf(image(array, { scale: 1 }));
    const big = await pixelsOf(image(array, { scale: 5 }), 2);
    expect([big.length, big[0]?.length]).toEqual([20, 30]);
    for (const [row, line] of big.entries()) {
      for (const [column, pixel] of line.entries()) {
        expect(pixel).toEqual(once[Math.floor(row / 10)]?.[Math.floor(column / 10)]);
      }
    }
    expect(await pixelsOf(image(array, { scale: 1, origin: 'lower' }))).toEqual([...once].reverse());
  });

  test('a colour bar has ticks and leaves the picture exact', async () => {
    const figure = image({ data: [0, 5, 10, 2], shape: [2, 2] }, { colormap: 'gray', colorbar: true, title: 'A <b>' });
    const svg = figure.svg();
    for (const tick of ['0', '2', '4', '6', '8', '10']) expect(svg).toContain(`>${tick}</text>`);
    expect(svg).toContain('A &lt;b&gt;');
    expect(svg.match(/<image /g)).toHaveLength(2);
    const shape = figure.scene.shapes.find((one) => one.kind === 'image');
    const pixels = await pixelsOf(figure, 1);
    const [x, y] = [shape?.x ?? 0, shape?.y ?? 0];
    expect(pixels[y]?.[x]).toEqual([0, 0, 0, 255]);
    expect(pixels[y + 159]?.[x + 159]).toEqual([0, 0, 0, 255]);
    expect(pixels[y + 160]?.[x]).toEqual([255, 255, 255, 255]);
  });

  test('bad pictures are refused', () => {
    const refuse = (array: ImageArray, options: Parameters<typeof image>[1] = {}): string => {
      try {
        image(array, options);
      } catch (error) {
        return `${(error as { code: string }).code}: ${(error as Error).message.split('\n')[0]}`;
      }
      return 'no error';
    };
    expect(refuse({ data: [], shape: [0, 3] })).toBe('shape: plot.image: a picture cannot have the shape [0, 3].');
    expect(refuse({ data: [1, 2], shape: [1, 1, 2] })).toBe(
      'shape: plot.image: a picture cannot have the shape [1, 1, 2].',
    );
    expect(refuse({ data: [1, 2], shape: [2, 2] })).toBe(
      'shape: plot.image: the shape [2, 2] needs 4 numbers but there are 2.',
    );
    expect(refuse({ data: [Number.NaN], shape: [1, 1] })).toBe('nan: plot.image: the picture has no finite number.');
    expect(refuse({ data: [0, Number.NaN, 0], shape: [1, 1, 3] })).toBe(
      'nan: plot.image: the colour at row 0, column 0 is NaN.',
    );
    expect(refuse({ data: [1], shape: [1, 1] }, { vmin: 2, vmax: 1 })).toBe(
      'range: plot.image: vmin is 2 but vmax is 1.',
    );
    expect(refuse({ data: [1], shape: [1, 1] }, { vmax: Number.NaN })).toBe('argument: plot.image: vmax is NaN.');
    expect(refuse({ data: [1], shape: [1, 1] }, { alpha: 2 })).toBe('argument: plot.image: alpha is 2.');
    expect(refuse({ data: [1], shape: [1, 1] }, { scale: 1.5 })).toBe('argument: plot.image: scale is 1.5.');
    expect(refuse({ data: new Uint16Array(1), shape: [1, 1], dtype: 'bfloat16' })).toBe(
      'dtype: plot.image: bfloat16 numbers are stored as bit patterns and cannot be drawn.',
    );
  });
});

describe('plot.grid', () => {
  const pair = [
    { data: [0, 1], shape: [1, 2] },
    { data: [0, 4], shape: [1, 2] },
  ];

  test('each picture has its own range, or all share one', async () => {
    const [each] = await pixelsOf(grid(pair, { columns: 2, scale: 1, gap: 1, colormap: 'gray' }));
    expect(each?.map((pixel) => pixel[0])).toEqual([0, 255, 0, 0, 255]);
    expect(each?.[2]).toEqual(CLEAR);
    const [shared] = await pixelsOf(grid(pair, { columns: 2, scale: 1, gap: 1, colormap: 'gray', range: 'shared' }));
    expect(shared?.map((pixel) => pixel[0])).toEqual([0, 64, 0, 0, 255]);
  });

  test('one array is split by its first axis, a ragged last row stays empty', async () => {
    const pixels = await pixelsOf(
      grid({ data: Uint8Array.of(0, 1, 2, 3, 4, 5), shape: [3, 1, 2] }, { columns: 2, scale: 1, gap: 0 }),
    );
    expect([pixels.length, pixels[0]?.length]).toEqual([2, 4]);
    expect(pixels[1]?.slice(2)).toEqual([CLEAR, CLEAR]);
  });

  test('labels are written, escaped', () => {
    const svg = grid(pair, { labels: ['a & b', '<c>'], titles: ['1', '2'], title: 'T' }).svg();
    for (const text of ['>a &amp; b<', '>&lt;c&gt;<', '>1<', '>2<', '>T<']) expect(svg).toContain(text);
  });

  test('bad input is refused, naming the picture', () => {
    expect(() => grid([])).toThrow('plot.grid: there are no pictures.');
    expect(() => grid(pair, { labels: ['one'] })).toThrow('there are 1 labels for 2 pictures.');
    expect(() => grid([pair[0] as ImageArray, { data: [Number.NaN], shape: [1, 1] }])).toThrow('at picture 1');
    expect(() => grid([{ data: [1], shape: [1] }])).toThrow('at picture 0');
    expect(() => grid(pair, { columns: 0 })).toThrow('columns is 0');
  });

  test('filters and activations are cut into tiles', () => {
    // [1, 1, 3, 2]: filter 0 has weights 0, 2, 4 and filter 1 has 1, 3, 5.
    const colour = filterTiles({ data: [0, 1, 2, 3, 4, 5], shape: [1, 1, 3, 2] });
    expect(colour.map((tile) => [tile.shape, [...Array.from(tile.data)]])).toEqual([
      [
        [1, 1, 3],
        [0, 0.5, 1],
      ],
      [
        [1, 1, 3],
        [0, 0.5, 1],
      ],
    ]);
    const summed = filterTiles({ data: [0, 1, 2, 3], shape: [1, 1, 2, 2] });
    expect(summed.map((tile) => Array.from(tile.data))).toEqual([[2], [4]]);
    const maps = channelTiles({ data: [1, 2, 3, 4], shape: [2, 1, 2] });
    expect(maps.map((tile) => Array.from(tile.data))).toEqual([
      [1, 3],
      [2, 4],
    ]);
    expect(() => filterTiles({ data: [1], shape: [1, 1] })).toThrow('filters cannot have the shape [1, 1]');
    expect(() => channelTiles({ data: [1], shape: [1, 1] })).toThrow('an activation cannot have the shape [1, 1]');
  });
});
