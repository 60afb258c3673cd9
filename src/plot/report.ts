// The page a training run leaves behind: one HTML file without scripts and without references to anything outside
// it. Its look is in ./report-style.ts; its pictures are those of the other files here.

import { curves, groupByMetric } from './charts.js';
import { type ConfusionMatrix, checkConfusion, confusion } from './confusion.js';
import { channelTiles, filterTiles, grid } from './image.js';
import { checkImage, finiteRange, type ImageArray, toPixels } from './pixels.js';
import { rasterize } from './raster.js';
import { reportColours, reportStyle } from './report-style.js';
import type { Pixels, Scene } from './scene.js';
import { escapeXml, pngAddress, renderSvg } from './svg.js';
import { themes } from './theme.js';

/** What a report shows. Parts that are left out have no section. */
export interface ReportData {
  readonly model: {
    readonly name: string;
    /** Count of all weights. */
    readonly parameters?: number;
  };
  readonly data: {
    readonly name: string;
    /** Counts of pictures. */
    readonly train?: number;
    readonly validation?: number;
    readonly test?: number;
  };
  /** One line on what ran it, such as `native avx512, 2 threads`. */
  readonly engine?: string;
  readonly durationSeconds?: number;
  /** When the run ended, as text. */
  readonly finishedAt?: string;
  /** Final scores by name, such as `test accuracy`; names with `accuracy` are shown in per cent. */
  readonly scores?: Readonly<Record<string, number>>;
  /** Numbers of every epoch by name; `val_` marks validation. */
  readonly history?: Readonly<Record<string, ArrayLike<number>>>;
  /** Counts, a row for each true class and a column for each predicted one. */
  readonly confusion?: ConfusionMatrix;
  readonly classNames?: readonly string[];
  /** Filters of the first layer, [height, width, channels in, channels out]. */
  readonly filters?: { readonly layer: string; readonly weights: ImageArray };
  readonly activations?: readonly ReportActivation[];
  /** In any order; the page sorts them by loss. */
  readonly mistakes?: readonly ReportMistake[];
  /** The model summary as printed. */
  readonly summary?: string;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly environment?: Readonly<Record<string, unknown>>;
  /** The command that repeats the run. */
  readonly command?: string;
}

/** One picture and what the layers made of it. */
export interface ReportActivation {
  readonly image: ImageArray;
  readonly label?: string;
  readonly layers: readonly {
    readonly layer: string;
    /** The layer's output for this picture, [height, width, channels]. */
    readonly maps: ImageArray;
  }[];
}

/** A picture that was taken for something else. */
export interface ReportMistake {
  readonly image: ImageArray;
  readonly trueLabel: string;
  readonly predictedLabel: string;
  /** What the model gave the predicted label, 0 to 1. */
  readonly probability: number;
  readonly loss: number;
}

const SHEET_COLUMNS = 16;
const MAX_MAPS = 32;
const MAX_FILTERS = 128;
const MAX_MISTAKES = 36;
const BLANK = '–';

/**
 * Makes the page. Throws `FoveaError` code `shape` or `value` for arrays that cannot be drawn; numbers that are not
 * finite are shown as such.
 *
 * @example
 * const page = plot.renderReport({ model: { name: 'tiny' }, data: { name: 'digits' }, scores: { 'test accuracy': 0.98 } });
 */
export function renderReport(data: ReportData): string {
  const sections = [
    curvesSection(data),
    confusionSection(data),
    classesSection(data),
    mistakesSection(data),
    filtersSection(data),
    activationsSection(data),
    textSection(data),
    settingsSection(data),
  ].filter((section) => section !== undefined);
  const links = sections.map(({ id, title }) => `<a href="#${id}">${escapeXml(title)}</a>`).join('\n');
  const body = sections
    .map(({ id, title, content }) => `<section id="${id}">\n<h2>${escapeXml(title)}</h2>\n${content}\n</section>`)
    .join('\n');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${escapeXml(data.model.name)} on ${escapeXml(data.data.name)}</title>
<style>${reportStyle}</style>
</head>
<body>
${header(data)}
${sections.length > 1 ? `<nav>\n${links}\n</nav>` : ''}
<main>
${body}
</main>
</body>
</html>
`;
}

interface Section {
  readonly id: string;
  readonly title: string;
  readonly content: string;
}

function header(data: ReportData): string {
  const { model, data: set } = data;
  const counts = [
    set.train === undefined ? '' : `${count(set.train)} training`,
    set.validation === undefined ? '' : `${count(set.validation)} validation`,
    set.test === undefined ? '' : `${count(set.test)} test`,
  ].filter((part) => part !== '');
  const facts: [string, string | undefined][] = [
    ['Parameters', model.parameters === undefined ? undefined : count(model.parameters)],
    ['Pictures', counts.length === 0 ? undefined : counts.join(', ')],
    ['Engine', data.engine],
    ['Duration', data.durationSeconds === undefined ? undefined : duration(data.durationSeconds)],
    ['Finished', data.finishedAt],
  ];
  const scores = Object.entries(data.scores ?? {}).map(
    ([name, value]) => `<div class="score"><b>${score(name, value)}</b><span>${escapeXml(name)}</span></div>`,
  );
  const shown = facts.flatMap(([name, value]) =>
    value === undefined ? [] : [`<div><dt>${name}</dt><dd>${escapeXml(value)}</dd></div>`],
  );
  return `<header>
<p class="kind">Training report</p>
<h1>${escapeXml(model.name)} <small>on ${escapeXml(set.name)}</small></h1>
${scores.length === 0 ? '' : `<div class="scores">\n${scores.join('\n')}\n</div>`}
${shown.length === 0 ? '' : `<dl class="facts">\n${shown.join('\n')}\n</dl>`}
</header>`;
}

function curvesSection({ history }: ReportData): Section | undefined {
  const drawn = Object.fromEntries(Object.entries(history ?? {}).filter(([, row]) => row.length > 0));
  const groups = groupByMetric(Object.keys(drawn));
  if (groups.length === 0) return undefined;
  const charts = groups.map((group) => {
    const title = plainName((group[0] as string).replace(/^val_/, ''));
    const { scene } = curves(drawn, { series: group, title });
    return `<figure class="card">${drawing(scene)}</figure>`;
  });
  return { id: 'curves', title: 'Learning curves', content: `<div class="charts">\n${charts.join('\n')}\n</div>` };
}

function confusionSection(data: ReportData): Section | undefined {
  if (data.confusion === undefined) return undefined;
  const { scene } = confusion(data.confusion, data.classNames === undefined ? {} : { classNames: data.classNames });
  const { classes, counts } = checkConfusion(data.confusion, data.classNames);
  const total = counts.reduce((sum, one) => sum + one, 0);
  const right = Array.from({ length: classes }, (_, i) => counts[i * (classes + 1)] as number).reduce(
    (a, b) => a + b,
    0,
  );
  const note = `${count(right)} of ${count(total)} right. Rest the pointer on a cell for its names and share.`;
  return {
    id: 'confusion',
    title: 'Confusion matrix',
    content: `<p class="note">${note}</p>\n<figure class="card scroll">${drawing(scene)}</figure>`,
  };
}

function classesSection(data: ReportData): Section | undefined {
  if (data.confusion === undefined) return undefined;
  const { classes, counts, names } = checkConfusion(data.confusion, data.classNames);
  const at = (row: number, column: number): number => counts[row * classes + column] as number;
  const indices = Array.from({ length: classes }, (_, i) => i);
  const rows = indices.map((i) => {
    const support = indices.reduce((sum, j) => sum + at(i, j), 0);
    const predicted = indices.reduce((sum, j) => sum + at(j, i), 0);
    const accuracy = support === 0 ? undefined : at(i, i) / support;
    const precision = predicted === 0 ? undefined : at(i, i) / predicted;
    const others = indices.filter((j) => j !== i).sort((a, b) => at(i, b) - at(i, a));
    const rival = others[0];
    const taken =
      rival === undefined || at(i, rival) === 0
        ? BLANK
        : `${escapeXml(names[rival] as string)} <span class="muted">${count(at(i, rival))}</span>`;
    return (
      `<tr><th scope="row">${escapeXml(names[i] as string)}</th><td class="number">${count(support)}</td>` +
      `<td class="number meter">${meter(accuracy)}</td><td class="number">${percent(precision)}</td><td>${taken}</td></tr>`
    );
  });
  return {
    id: 'classes',
    title: 'Accuracy by class',
    content:
      `<div class="card scroll tall"><table>\n<thead><tr><th scope="col">Class</th><th scope="col" class="number">Pictures</th>` +
      `<th scope="col" class="number">Accuracy</th><th scope="col" class="number">Precision</th>` +
      `<th scope="col">Most often taken for</th></tr></thead>\n<tbody>\n${rows.join('\n')}\n</tbody></table></div>`,
  };
}

function mistakesSection({ mistakes }: ReportData): Section | undefined {
  if (mistakes === undefined || mistakes.length === 0) return undefined;
  // A loss that is not a number is the worst there is.
  const badness = ({ loss }: ReportMistake): number => (Number.isNaN(loss) ? Infinity : loss);
  const order = (a: ReportMistake, b: ReportMistake): number =>
    badness(a) === badness(b) ? 0 : badness(b) - badness(a);
  const worst = [...mistakes].sort(order).slice(0, MAX_MISTAKES);
  const cards = worst.map(
    (one, i) =>
      `<figure class="mistake">${picture(pictureOf(one.image, `mistake ${i}`), `A ${one.trueLabel}`)}\n` +
      `<figcaption><span class="wrong">${escapeXml(one.predictedLabel)} <b>${percent(one.probability)}</b></span>` +
      `<span>is ${escapeXml(one.trueLabel)}</span><span class="muted">loss ${plainNumber(one.loss)}</span></figcaption></figure>`,
  );
  return {
    id: 'mistakes',
    title: 'Worst mistakes',
    content: `<p class="note">What the model said with its probability, and what it is; highest loss first.</p>\n<div class="mistakes">\n${cards.join('\n')}\n</div>`,
  };
}

function filtersSection({ filters }: ReportData): Section | undefined {
  if (filters === undefined) return undefined;
  const tiles = filterTiles(filters.weights);
  const [height, width, cin] = filters.weights.shape as [number, number, number];
  const shown = tiles.slice(0, MAX_FILTERS);
  const rest = shown.length < tiles.length ? `, the first ${shown.length} shown` : '';
  const note = `${escapeXml(filters.layer)}: ${tiles.length} filters of ${height} × ${width}${cin > 3 ? ', summed over their channels' : ''}${rest}. Each from its smallest weight (dark) to its largest (light).`;
  const sheet = sheetOf(shown, 56, 'gray');
  return {
    id: 'filters',
    title: 'First-layer filters',
    content: `<p class="note">${note}</p>\n<figure class="card scroll">${picture(sheet, `Filters of ${filters.layer}`, 'sheet')}</figure>`,
  };
}

function activationsSection({ activations }: ReportData): Section | undefined {
  if (activations === undefined || activations.length === 0) return undefined;
  const blocks = activations.map(({ image, label, layers }, i) => {
    const name = label ?? `picture ${i + 1}`;
    const rows = layers.map(({ layer, maps }) => {
      const tiles = channelTiles(maps);
      const shown = tiles.slice(0, MAX_MAPS);
      const [height, width] = maps.shape as [number, number];
      const some = shown.length < tiles.length ? `${shown.length} of ${tiles.length}` : `${tiles.length}`;
      return (
        `<div class="layer scroll"><h4>${escapeXml(layer)} <small>${some} maps, ${height} × ${width}</small></h4>` +
        `${picture(sheetOf(shown, 56, 'viridis'), `Maps of ${layer}`, 'sheet')}</div>`
      );
    });
    return (
      `<details class="card activation"${i === 0 ? ' open' : ''}><summary>${picture(pictureOf(image, `activation ${i}`), name)}` +
      `<span>${escapeXml(name)}</span></summary>\n<div class="layers">\n${rows.join('\n')}\n</div></details>`
    );
  });
  return {
    id: 'activations',
    title: 'Activation maps',
    content: `<p class="note">What each layer makes of a picture; every map from its smallest number (dark) to its largest (light).</p>\n${blocks.join('\n')}`,
  };
}

function textSection({ summary }: ReportData): Section | undefined {
  if (summary === undefined) return undefined;
  return { id: 'model', title: 'Model', content: `<pre class="card scroll">${escapeXml(summary)}</pre>` };
}

function settingsSection({ config, environment, command }: ReportData): Section | undefined {
  if (config === undefined && environment === undefined && command === undefined) return undefined;
  const parts: string[] = [];
  if (command !== undefined) {
    parts.push(`<h3>The command that repeats it</h3>\n<pre class="card scroll command">${escapeXml(command)}</pre>`);
  }
  const tables = [
    ['Settings', config],
    ['Environment', environment],
  ] as const;
  const made = tables.flatMap(([title, values]) =>
    values === undefined ? [] : [`<div><h3>${title}</h3>\n${settingsTable(values)}</div>`],
  );
  if (made.length > 0) parts.push(`<div class="columns">\n${made.join('\n')}\n</div>`);
  return { id: 'settings', title: 'Settings', content: parts.join('\n') };
}

function settingsTable(values: Readonly<Record<string, unknown>>): string {
  const rows = Object.entries(values).map(([name, value]) => {
    const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
    return `<tr><th scope="row">${escapeXml(name)}</th><td>${escapeXml(text)}</td></tr>`;
  });
  return `<div class="card scroll"><table class="settings"><tbody>\n${rows.join('\n')}\n</tbody></table></div>`;
}

function drawing(scene: Scene): string {
  return renderSvg(scene, reportColours, 'within');
}

function picture(pixels: Pixels, alt: string, kind = 'picture'): string {
  const { width, height } = pixels;
  return `<img class="${kind}" style="--natural:${width}px" width="${width}" height="${height}" alt="${escapeXml(alt)}" src="${pngAddress(pixels)}">`;
}

// Grey for one channel. A picture may hold numbers that are not finite, so its range is looked up here.
function pictureOf(array: ImageArray, place: string): Pixels {
  const checked = checkImage(array, 'report', place);
  if (checked.channels !== 1) return toPixels(checked, {}, undefined, 'report');
  return toPixels(checked, { colormap: 'gray' }, finiteRange([checked.data]) ?? [0, 1], 'report');
}

// Tiles are at least `wanted` pixels, with transparent gaps, so that the sheet suits a light and a dark page.
function sheetOf(tiles: readonly ImageArray[], wanted: number, colormap: 'gray' | 'viridis'): Pixels {
  const [height = 1, width = 1] = tiles[0]?.shape ?? [];
  const scale = Math.max(1, Math.round(wanted / Math.max(height, width)));
  const hasFinite = tiles.map((tile) => finiteRange([tile.data]) !== undefined);
  // A map without one finite number is left blank: diverged training must not cost the report.
  const drawn = tiles.map((tile, i) =>
    hasFinite[i] ? tile : { data: new Uint8Array(4 * height * width), shape: [height, width, 4] },
  );
  const { scene } = grid(drawn, { columns: Math.min(SHEET_COLUMNS, tiles.length), scale, gap: 3, colormap });
  return rasterize(scene, themes.light, 1, undefined);
}

function meter(share: number | undefined): string {
  if (share === undefined) return BLANK;
  return `<span class="bar" aria-hidden="true"><i style="width:${(100 * share).toFixed(1)}%"></i></span>${percent(share)}`;
}

function plainName(name: string): string {
  const words = name
    .replace(/_/g, ' ')
    .replace(/([a-z0-9])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function score(name: string, value: number): string {
  return /accuracy/i.test(name) ? percent(value, 2) : plainNumber(value);
}

function percent(share: number | undefined, digits = 1): string {
  if (share === undefined) return BLANK;
  return Number.isFinite(share) ? `${(100 * share).toFixed(digits)} %` : String(share);
}

function plainNumber(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : String(value);
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}

function duration(seconds: number): string {
  if (!(seconds >= 0) || !Number.isFinite(seconds)) return String(seconds);
  if (seconds < 60) return `${Number(seconds.toPrecision(3))} s`;
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${whole % 60} s`;
}
