// Colour maps as data: the names and colours of matplotlib, each a table of 256 colours. The perceptual maps are
// kept as the fewest anchors that stay within one level of the published tables. Used by ./pixels.ts.

import { FoveaError } from '../core/errors.js';

/** A colour as red, green and blue, 0 to 255. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** The name of a built-in colour map; `_r` turns it round. */
export type ColormapName = BaseName | `${BaseName}_r`;

/** A built-in map's name, or a function from 0..1 to a colour. */
export type Colormap = ColormapName | ((x: number) => Rgb);

type BaseName = keyof typeof anchored | keyof typeof spaced | keyof typeof computed;

// Eight hexadecimal digits an anchor: its place of 256, then its colour. Greedily chosen, linear between.
const anchored = {
  viridis:
    '004401540f4817691e472a7a2e433e854339558c5e2d718e7f21908d8d1e9d899922a884a22ab07fb140bd72c05ec962cf81d34de6bddf26efd5e21af4e2e418f9efe51cfefbe723fffde725',
  plasma:
    '000d0887051b068d0e2e0595235102a3346c00a8407e03a84a8d0ba55da6209878c43e7f9ae26561baf68d45d1fdae32e1fdc627edfada24fbf2f227fef0f724fff0f921',
  inferno:
    '00000004030101080b060419130e092b1e1e0c45262b0b572e390963384a0c6b455f136e53751b6e699827667eb9355692d44842a2e65d2fb5f57b17c1fa9008c7fb9b06ccfca50ad5fbb61ae1f8cd37e9f4dd4ff0f2ea69f6f2f482fefafda1fffcffa4',
  magma:
    '00000004040201090d07061c1d19103f272712583036106b38440f764457157e5c7c238275a5317e8bc83e7399de4968a7ee5b5eb1f66c5cbbfa7f5ec6fd9467d2feaa74e8fed395fffcfdbf',
  cividis:
    '0000224e12002f6d14003070170132711c12357023203a6f3133446d4b4e566c6e6d6f72807d7c7898938e78b7b3a670d3d0be62e8e7d150f6f7de3efbfde334fdfee535fffee838',
  turbo:
    '0030123b063724660b3c3286124146ac184456c71e4666dd244776ee2a4685fa304294ff363aa3fc3d2eb4f2461fc9dd4d18d7ca5218e0bd571de7b25c27eea46238f4916e65fd697580ff537c99fe4283acfb388abef43493d4e7359eebd339a7f7c13aaffdae35b9fe932ac4f8721ccdef5811d5e4450ae1ce2d04edb21a01f8920b01ff7a0403',
  coolwarm:
    '003b4cc0114f69d9246788ee347da0f9418fb1fe4fa2c1ff60b9d0f970ccd9ed7ddadce081dedcdb8dead5c99ef4c6afacf7b599baf6a283ccee8468e0dd5f4bf0ca3b37f7c0282fffb40426',
} as const;

// Evenly spaced anchors of six digits each.
const spaced = {
  gray: '000000ffffff',
  binary: 'ffffff000000',
  Greys: 'fffffff0f0f0d9d9d9bdbdbd969696737373525252252525000000',
  Blues: 'f7fbffdeebf7c6dbef9ecae16baed64292c62171b508519c08306b',
  RdBu: '67001fb2182bd6604df4a582fddbc7f7f7f7d1e5f092c5de4393c32166ac053061',
  seismic: '00004c0000ffffffffff0000800000',
  cool: '00ffffff00ff',
  spring: 'ff00ffffff00',
  summer: '008066ffff66',
  autumn: 'ff0000ffff00',
  winter: '0000ff00ff80',
} as const;

// Maps defined by a formula or by a broken line for each channel, in 0..1 before clipping.
const computed = {
  hot: (x: number): Rgb => [
    broken(x, [0, 0.0416, 0.365079, 1, 1, 1]),
    broken(x, [0, 0, 0.365079, 0, 0.746032, 1, 1, 1]),
    broken(x, [0, 0, 0.746032, 0, 1, 1]),
  ],
  bone: (x: number): Rgb => [
    broken(x, [0, 0, 0.746032, 0.652778, 1, 1]),
    broken(x, [0, 0, 0.365079, 0.319444, 0.746032, 0.777778, 1, 1]),
    broken(x, [0, 0, 0.365079, 0.444444, 1, 1]),
  ],
  copper: (x: number): Rgb => [broken(x, [0, 0, 0.809524, 1, 1, 1]), 0.7812 * x, 0.4975 * x],
  jet: (x: number): Rgb => [
    broken(x, [0, 0, 0.35, 0, 0.66, 1, 0.89, 1, 1, 0.5]),
    broken(x, [0, 0, 0.125, 0, 0.375, 1, 0.64, 1, 0.91, 0, 1, 0]),
    broken(x, [0, 0.5, 0.11, 1, 0.34, 1, 0.65, 0, 1, 0]),
  ],
  prism: (x: number): Rgb => [
    0.75 * Math.sin((x * 20.9 + 0.25) * Math.PI) + 0.67,
    0.75 * Math.sin((x * 20.9 - 0.25) * Math.PI) + 0.33,
    -1.1 * Math.sin(x * 20.9 * Math.PI),
  ],
  flag: (x: number): Rgb => [
    0.75 * Math.sin((x * 31.5 + 0.25) * Math.PI) + 0.5,
    Math.sin(x * 31.5 * Math.PI),
    0.75 * Math.sin((x * 31.5 - 0.25) * Math.PI) + 0.5,
  ],
} as const;

/** Names of the built-in maps, without the turned-round ones. */
export const colormapNames: readonly BaseName[] = [
  ...(Object.keys(anchored) as (keyof typeof anchored)[]),
  ...(Object.keys(spaced) as (keyof typeof spaced)[]),
  ...(Object.keys(computed) as (keyof typeof computed)[]),
];

/**
 * The 256 colours of a map, as 768 bytes red, green, blue. Throws `FoveaError` code `argument` for an unknown name
 * and code `value` for a function that returns something other than three finite numbers.
 *
 * @example
 * console.log([...plot.colormapTable('viridis').slice(0, 3)]); // [68, 1, 84]
 */
export function colormapTable(colormap: Colormap): Uint8ClampedArray {
  if (typeof colormap === 'function') return tabulate(checked(colormap));
  const isReversed = colormap.endsWith('_r');
  const name = isReversed ? colormap.slice(0, -2) : colormap;
  const colour = builtIn(name);
  return tabulate(isReversed ? (x) => colour(1 - x) : colour);
}

function builtIn(name: string): (x: number) => Rgb {
  if (Object.hasOwn(anchored, name)) return (x) => fromAnchors(anchored[name as keyof typeof anchored], 8, x);
  if (Object.hasOwn(spaced, name)) return (x) => fromAnchors(spaced[name as keyof typeof spaced], 6, x);
  if (Object.hasOwn(computed, name)) {
    const formula = computed[name as keyof typeof computed];
    return (x) => {
      const [red, green, blue] = formula(x);
      return [255 * red, 255 * green, 255 * blue];
    };
  }
  throw new FoveaError({
    code: 'argument',
    op: 'plot',
    message: `there is no colour map ${JSON.stringify(name)}.`,
    got: name,
    want: colormapNames,
    hint: `Use one of ${colormapNames.join(', ')}, or one of these with _r to turn it round.`,
  });
}

function checked(colormap: (x: number) => Rgb): (x: number) => Rgb {
  return (x) => {
    const colour = colormap(x);
    if (!Array.isArray(colour) || colour.length !== 3 || !colour.every(Number.isFinite)) {
      throw new FoveaError({
        code: 'value',
        op: 'plot',
        message: `the colour map gave no colour at ${x}.`,
        got: colour,
        want: '[red, green, blue], 0 to 255',
        hint: 'Return three finite numbers from 0 to 255.',
      });
    }
    return colour;
  };
}

function tabulate(colour: (x: number) => Rgb): Uint8ClampedArray {
  const table = new Uint8ClampedArray(768);
  for (let i = 0; i < 256; i++) table.set(colour(i / 255), 3 * i);
  return table;
}

function fromAnchors(hex: string, digits: 6 | 8, x: number): Rgb {
  const count = hex.length / digits;
  const place = (i: number): number =>
    digits === 6 ? i / (count - 1) : Number.parseInt(hex.slice(8 * i, 8 * i + 2), 16) / 255;
  const channel = (i: number, c: number): number => {
    const start = digits * i + digits - 6 + 2 * c;
    return Number.parseInt(hex.slice(start, start + 2), 16);
  };
  let i = 0;
  while (i < count - 2 && place(i + 1) <= x) i++;
  const t = (x - place(i)) / (place(i + 1) - place(i));
  const mix = (c: number): number => channel(i, c) + t * (channel(i + 1, c) - channel(i, c));
  return [mix(0), mix(1), mix(2)];
}

// A broken line through the points x0, y0, x1, y1, ...
function broken(x: number, points: readonly number[]): number {
  let i = 0;
  while (i < points.length - 4 && (points[i + 2] as number) <= x) i += 2;
  const [x0, y0, x1, y1] = points.slice(i, i + 4) as [number, number, number, number];
  return y0 + ((x - x0) / (x1 - x0)) * (y1 - y0);
}
