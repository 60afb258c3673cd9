// Pictures and charts from plain arrays, in Node and in the browser: the names under `plot`.

export { type BarsOptions, bars, type CurveData, type CurvesOptions, curves } from './charts.js';
export { type Colormap, type ColormapName, colormapNames, colormapTable, type Rgb } from './colormaps.js';
export { type ConfusionMatrix, type ConfusionOptions, confusion } from './confusion.js';
export { Figure } from './figure.js';
export { textWidth } from './font.js';
export { channelTiles, filterTiles, type GridOptions, grid, type ImageOptions, image } from './image.js';
export type { ColourOptions, ImageArray } from './pixels.js';
export { type ReportActivation, type ReportData, type ReportMistake, renderReport } from './report.js';
export { type Paint, Path, type Pixels, type Scene, type Shape } from './scene.js';
export type { ThemeName } from './theme.js';
