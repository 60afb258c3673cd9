// The shape of src as a whole: which folder may import from which, how long a file may be, and what a file may do
// when it is imported. docs/architecture.md says why.
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transform } from 'esbuild';
import { describe, expect, test } from 'vitest';

/** Each folder imports from itself and from those before it. */
const ORDER = [
  'core',
  'graph',
  'ops',
  'compile',
  'engine',
  'vision',
  'data',
  'formats',
  'nn',
  'interchange',
  'plot',
  'zoo',
  'tasks',
  'cli',
];

interface Exception {
  readonly file: string;
  readonly reason: string;
}

/** Imports against the order: `file` and the folder it reaches for. */
const DIRECTION_EXCEPTIONS: readonly (Exception & { readonly folder: string })[] = [
  {
    file: 'src/nn/trainable-model.ts',
    folder: 'interchange',
    reason: "a model's save and loadWeights load what knows the files of other libraries when they are called",
  },
];

/** Files over the limit. */
const LENGTH_LIMIT = 700;
const LENGTH_EXCEPTIONS: readonly Exception[] = [];

/** Files that do something when they are imported. */
const SIDE_EFFECTS: readonly Exception[] = [
  { file: 'src/engine/install.ts', reason: 'gives tensors their runtime; the one such import of the library' },
  { file: 'src/cli/main.ts', reason: 'a program, not a module' },
  { file: 'src/engine/wasm/worker.ts', reason: "a worker's program, not a module" },
  { file: 'src/data/workers/program.ts', reason: "a worker's program, not a module" },
];

const root = fileURLToPath(new URL('..', import.meta.url));
const text = new Map(
  readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .map((file) => posix.join('src', file.replaceAll('\\', '/')))
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.generated.ts'))
    .sort()
    .map((file) => [file, readFileSync(join(root, file), 'utf8')]),
);
const files = [...text.keys()];
const exceptFor = (exceptions: readonly Exception[]): string[] =>
  files.filter((file) => !exceptions.some((each) => each.file === file));

/** The folder below src of a file, or undefined for src/index.ts. */
const folderOf = (file: string): string | undefined => (file.split('/').length > 2 ? file.split('/')[1] : undefined);

/** Relative imports, as paths from the root. */
function importsOf(file: string, source: string): string[] {
  const specifiers = source.matchAll(/(?:\bfrom|\bimport|\bimport\()\s*'(\.[^']+)'/g);
  return [...specifiers].map(([, specifier]) => posix.join(posix.dirname(file), specifier as string));
}

/** Imports that the order forbids, as `file -> imported`. */
function wrongImports(file: string, source: string): string[] {
  const own = folderOf(file);
  if (own === undefined) return [];
  const isAllowed = (target: string): boolean => {
    const folder = folderOf(target);
    if (folder === undefined) return false;
    if (DIRECTION_EXCEPTIONS.some((each) => each.file === file && each.folder === folder)) return true;
    return ORDER.includes(folder) && ORDER.indexOf(folder) <= ORDER.indexOf(own);
  };
  return importsOf(file, source)
    .filter((target) => !isAllowed(target))
    .map((target) => `${file} -> ${target}`);
}

/** The source without comments and without the text inside strings. */
function codeOf(source: string): string {
  return source.replace(
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g,
    (match) => (match.startsWith('/') ? ' ' : "''"),
  );
}

const usesAny = (source: string): boolean => /(?::|\bas|[<|&])\s*any\b(?!\s*\()/.test(codeOf(source));

/** Top-level statements that are no definitions. esbuild indents everything below the top level. */
async function effectsOf(source: string): Promise<string[]> {
  // Without template literals no line of text can begin at the margin.
  const supported = { 'template-literal': false };
  const { code } = await transform(source, { loader: 'ts', format: 'esm', target: 'es2022', supported });
  const definition =
    /^(import .*\bfrom\b|import \{|export|const|let|var|function|async function|class|\s|[}\])]|\/\/|\/\*|$)/;
  return code.split('\n').filter((line) => !definition.test(line));
}

describe('folders', () => {
  test('every folder of src is in the order', () => {
    const folders = [...new Set(files.map(folderOf))].filter((folder) => folder !== undefined);
    expect(folders.filter((folder) => !ORDER.includes(folder))).toEqual([]);
    expect(folders.length).toBeGreaterThan(8);
  });

  test('each imports from those before it only', () => {
    expect([...text].flatMap(([file, source]) => wrongImports(file, source))).toEqual([]);
  });

  test('a wrong direction is noticed', () => {
    const source = "import type { Layer } from '../nn/layer.js';\nawait import('../core/shape.js');";
    expect(wrongImports('src/ops/conv.ts', source)).toEqual(['src/ops/conv.ts -> src/nn/layer.js']);
    expect(wrongImports('src/nn/layer.ts', "export { a } from '../index.js';")).toHaveLength(1);
  });

  test('every exception is still needed', () => {
    for (const { file, folder } of DIRECTION_EXCEPTIONS) {
      expect(importsOf(file, text.get(file) ?? '').map(folderOf), file).toContain(folder);
    }
    for (const { file } of [...LENGTH_EXCEPTIONS, ...SIDE_EFFECTS]) expect(files, file).toContain(file);
  });
});

describe('files', () => {
  test(`have at most ${LENGTH_LIMIT} lines`, () => {
    const tooLong = exceptFor(LENGTH_EXCEPTIONS).filter(
      (file) => (text.get(file) ?? '').split('\n').length > LENGTH_LIMIT,
    );
    expect(tooLong).toEqual([]);
  });

  test('start by saying what they are for, in at most five lines', () => {
    const isHeaded = (source: string): boolean => {
      const lines = source.replace(/^#!.*\n/, '').split('\n');
      const head = lines.findIndex((line) => !line.startsWith('//'));
      return head >= 1 && head <= 5;
    };
    expect(files.filter((file) => !isHeaded(text.get(file) ?? ''))).toEqual([]);
  });

  test('have no `any` and silence no compiler error', () => {
    expect(files.filter((file) => usesAny(text.get(file) ?? ''))).toEqual([]);
    expect(files.filter((file) => /@ts-(ignore|expect-error|nocheck)/.test(text.get(file) ?? ''))).toEqual([]);
  });

  test('`any` is noticed where it is a type, and only there', () => {
    expect(usesAny('const x: any = 1;')).toBe(true);
    expect(usesAny('f(x as any);')).toBe(true);
    expect(usesAny('const xs: Array<any> = [];')).toBe(true);
    expect(usesAny("const kind = 'x: any'; // as any\nreturn isAll ? all(x) : any(x);")).toBe(false);
  });

  test('src/index.ts only re-exports', () => {
    const statements = codeOf(text.get('src/index.ts') ?? '')
      .split(';')
      .map((statement) => statement.trim())
      .filter((statement) => statement !== '');
    const isExport = (statement: string): boolean => /^export (type )?(\*|\{)[\s\S]* from ''$/.test(statement);
    expect(statements.filter((statement) => !isExport(statement))).toEqual(["import ''"]);
    expect(text.get('src/index.ts')).toContain("import './engine/install.js';");
  });
});

describe('importing', () => {
  test('runs nothing but definitions', async () => {
    const found: string[] = [];
    for (const file of exceptFor(SIDE_EFFECTS)) {
      if (file === 'src/index.ts') continue;
      for (const line of await effectsOf(text.get(file) ?? '')) found.push(`${file}: ${line}`);
    }
    expect(found).toEqual([]);
  });

  test('a call, an import for its effects and an await are noticed', async () => {
    const source =
      "import './a.js';\nconsole.log('hello');\nfunction f(): void {\n  g();\n}\nawait f();\nexport const x = 1;";
    expect(await effectsOf(source)).toEqual(['import "./a.js";', 'console.log("hello");', 'await f();']);
  });

  test('package.json tells bundlers of the one import that must stay', () => {
    const { sideEffects } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { sideEffects: string[] };
    expect(sideEffects).toContain('**/engine/install.*');
  });
});
