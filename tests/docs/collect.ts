// Finds the programs in the pages and in the doc comments of src, and makes files of them that can be checked and run.
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** A program in the documentation. */
export interface Block {
  /** The page or source file it stands in, from the root. */
  readonly file: string;
  readonly line: number;
  /** As a program that imports from 'fovea'. */
  readonly code: string;
  /** False for what only a browser can run: it is type-checked all the same. */
  readonly isRun: boolean;
  /** What the block behind it holds: the message of a program marked `throws`, the output of one marked `prints`. */
  readonly throws?: string;
  readonly prints?: string;
}

/** README.md, CONTRIBUTING.md and docs/*.md. */
export function pages(): string[] {
  const docs = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
  return ['README.md', 'CONTRIBUTING.md', ...docs.sort().map((name) => `docs/${name}`)];
}

export const read = (file: string): string => readFileSync(join(root, file), 'utf8');

/**
 * The ```ts blocks of a page; `no-run` behind the mark excuses a block from being run. One marked `throws` or `prints` does so
 * with the text of the next block.
 */
export function pageBlocks(file: string): Block[] {
  const fences = [...read(file).matchAll(/^```(.*)\n((?:.*\n)*?)```$/gm)];
  return fences.flatMap((fence, i): Block[] => {
    const [, mark, text] = fence as unknown as [string, string, string];
    if (!/^ts\b/.test(mark)) return [];
    const line = (fence.input ?? '').slice(0, fence.index).split('\n').length + 1;
    const next = (fences[i + 1]?.[2] ?? '').trimEnd();
    const throws = mark.includes('throws') ? { throws: next } : {};
    const prints = mark.includes('prints') ? { prints: next } : {};
    return [{ file, line, code: text.trimEnd(), isRun: !mark.includes('no-run'), ...throws, ...prints }];
  });
}

/** Every `@example` in the doc comments of src, as a program: what it uses of fovea is imported, see `FIXTURES`. */
export function exampleBlocks(exported: readonly string[]): Block[] {
  const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .map((name) => posix.join('src', name.replaceAll('\\', '/')))
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.generated.ts'))
    .sort();
  return files.flatMap((file) => examplesIn(file, exported));
}

function examplesIn(file: string, exported: readonly string[]): Block[] {
  const source = read(file);
  return [...source.matchAll(/\/\*\*(?:(?!\*\/)[\s\S])*?@example\n((?:(?!\*\/)[\s\S])*?)\s*\*\//g)].map((match) => {
    const code = (match[1] as string)
      .split('\n')
      .map((line) => line.replace(/^\s*\* ?/, ''))
      .join('\n');
    const before = source.slice(0, (match.index as number) + match[0].indexOf('@example'));
    return { file, line: before.split('\n').length + 1, code: asProgram(code, exported), isRun: true };
  });
}

/** What an example may use without saying where it comes from. */
const FIXTURES: readonly { readonly name: string; readonly uses: RegExp; readonly code: string }[] = [
  { name: 'train', uses: /\btrain\b/, code: 'const { train } = await fovea.datasets.strokes({ count: 40 });' },
  {
    name: 'model',
    uses: /\bmodel\./,
    code: `const model = fovea.models.sequential([
  fovea.layers.input([28, 28, 1]),
  fovea.layers.flatten(),
  fovea.layers.dense({ units: 10, activation: 'softmax' }),
]);
model.compile({ loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] });`,
  },
  {
    name: 'file',
    uses: /load\('fashion\.keras'\)/,
    code: "await fovea.models.sequential([fovea.layers.input([4]), fovea.layers.dense({ units: 2 })]).save('fashion.keras');",
  },
];
const TYPES = ['Callback', 'CallContext', 'PartialShape', 'Shape', 'TensorLike'];

function asProgram(code: string, exported: readonly string[]): string {
  const isUsed = (name: string): boolean => new RegExp(`(?<!\\w)(?<!(?<!\\.\\.)\\.)${name}\\b(?!\\s*:)`).test(code);
  const isDeclared = (name: string): boolean =>
    new RegExp(`\\b(const|let|class|function) (\\{[^}]*\\b)?${name}\\b`).test(code);
  const isWanted = (name: string): boolean => isUsed(name) && !isDeclared(name);
  const values = exported.filter(isWanted);
  const types = TYPES.filter(isWanted);
  const fixtures = FIXTURES.filter(({ name, uses }) => uses.test(code) && !isDeclared(name));
  return [
    "import * as fovea from 'fovea';",
    ...(values.length === 0 ? [] : [`import { ${values.join(', ')} } from 'fovea';`]),
    ...(types.length === 0 ? [] : [`import type { ${types.join(', ')} } from 'fovea';`]),
    ...fixtures.map((fixture) => fixture.code),
    code,
  ].join('\n');
}

/** The program with `console.log(x); // text` turned into a comparison of what is printed with the text. */
export function withExpectations(code: string): string {
  return code.replace(/^(.*?)\bconsole\.log\((.*)\);(.*?) \/\/ (.+)$/gm, (_line, before, args, after, text) => {
    return `${before}expectPrinted(${JSON.stringify(text)}, ${args});${after}`;
  });
}

/** What is printed and what a comment says are equal but for spaces, quotes and the names of typed arrays. */
export function plain(text: string): string {
  return text.replace(/\b(Float32Array|Int32Array|Uint8Array|Float64Array)\(\d+\) /g, '').replace(/['"`\s]/g, '');
}
