// The programs of the documentation: all are type-checked against the source, and all but those marked `no-run` are run.
// A comment behind console.log is what it must print. Blocks of one page share a folder, in their order.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as fovea from '../../src/index.js';
import { type Block, exampleBlocks, pageBlocks, pages, plain, read, root, withExpectations } from './collect.js';

const folder = join(root, 'build/docs-blocks');
const examples = exampleBlocks(Object.keys(fovea));
const groups: [string, Block[]][] = [
  ...pages().map((page): [string, Block[]] => [page, pageBlocks(page)]),
  ...[...new Set(examples.map(({ file }) => file))].map((file): [string, Block[]] => [
    file,
    examples.filter((each) => each.file === file),
  ]),
];
const blocks = groups.flatMap(([, list]) => list);

const nameOf = ({ file, line }: Block): string => `${file.replace(/\W+/g, '_')}_${line}`;

/** A value as console.log prints it, but whole. */
function shown(value: unknown): string {
  return typeof value === 'string' ? value : inspect(value, { depth: null, maxArrayLength: null });
}

/** The message of the `FoveaError` that is thrown, the block's own folder called /home/me. */
async function messageOf(run: Promise<unknown>, place: string): Promise<string> {
  const error: unknown = await run.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof fovea.FoveaError) return error.message.replaceAll(place, '/home/me');
  throw error ?? new Error('nothing was thrown');
}

/** Without spaces at the ends of lines. */
function trimLines(text: string): string {
  return text.replace(/ +$/gm, '').trimEnd();
}

/** Puts a message or an output into the page: FOVEA_WRITE_DOCS=1. Read what it wrote. */
function writeNext({ file, code }: Block, message: string): void {
  const page = read(file);
  const at = page.indexOf('```text\n', page.indexOf(code)) + '```text\n'.length;
  const text = page.slice(0, at) + message + page.slice(page.indexOf('\n```', at - 1));
  writeFileSync(join(root, file), text);
}

beforeAll(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'run'), { recursive: true });
  for (const block of blocks) {
    writeFileSync(join(folder, `${nameOf(block)}.ts`), `${block.code}\nexport {};\n`);
    const source = withExpectations(block.code).replace(/from 'fovea(\/\w+)?'/g, (_match, part = '') => {
      const place = part === '/explain' ? '/tasks/explain' : part;
      return `from '../../../src${place}/index.js'`;
    });
    writeFileSync(join(folder, 'run', `${nameOf(block)}.ts`), `${source}\nexport {};\n`);
  }
  const paths = {
    fovea: ['../../src/index.ts'],
    'fovea/explain': ['../../src/tasks/explain/index.ts'],
    'fovea/*': ['../../src/*/index.ts'],
  };
  const compilerOptions = {
    rootDir: '../..',
    noEmit: true,
    declaration: false,
    noUnusedLocals: false,
    noUnusedParameters: false,
    paths,
  };
  const config = { extends: '../../tsconfig.json', compilerOptions, include: ['*.ts'] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config, undefined, 2));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('there are programs in the pages and in the doc comments', () => {
  expect(blocks.length - examples.length).toBeGreaterThan(20);
  expect(examples.length).toBeGreaterThan(20);
});

test('all are of the types they should be', { timeout: 120_000 }, async () => {
  const program = join(root, 'node_modules/typescript/bin/tsc');
  const output = await new Promise<string>((resolve) => {
    execFile(process.execPath, [program, '-p', folder], { cwd: root }, (_error, stdout, stderr) =>
      resolve(stdout + stderr),
    );
  });
  const own = output.split('\n').filter((line) => line.includes('docs-blocks') || /^error/.test(line));
  expect(own).toEqual([]);
});

describe.each(groups.filter(([, list]) => list.length > 0))('%s', (_file, list) => {
  const home = process.cwd();
  const log = console.log;
  const write = process.stdout.write;
  let place = '';
  beforeAll(() => {
    place = mkdtempSync(join(tmpdir(), 'fovea-docs-'));
    process.chdir(place);
    console.log = () => undefined;
    process.stdout.write = () => true;
  });
  afterAll(() => {
    console.log = log;
    process.stdout.write = write;
    process.chdir(home);
    rmSync(place, { recursive: true, force: true });
  });

  test.each(list.filter(({ isRun }) => isRun).map((block) => [block.line, block] as const))(
    'line %i',
    { timeout: 60_000 },
    async (_line, block) => {
      (globalThis as { expectPrinted?: unknown }).expectPrinted = (text: string, ...values: unknown[]): void => {
        expect(plain(values.map(shown).join(' '))).toBe(plain(text));
      };
      const printed: string[] = [];
      console.log = (...values: unknown[]) => printed.push(values.map(shown).join(' '));
      const run = import(pathToFileURL(join(folder, 'run', `${nameOf(block)}.ts`)).href);
      const want = block.throws ?? block.prints;
      let got = '';
      if (block.throws !== undefined) got = await messageOf(run, place);
      else {
        await run;
        got = trimLines(printed.join('\n'));
      }
      if (want === undefined) return;
      if (process.env.FOVEA_WRITE_DOCS === '1') writeNext(block, got);
      else expect(got).toBe(want);
    },
  );
});

describe('links', () => {
  const links = pages().flatMap((page) =>
    [...read(page).matchAll(/\[([^\]]*)\]\(([^)\s#]+)(?:#[^)]*)?\)/g)].map(([, text, target]) => ({
      page,
      text: text as string,
      target: target as string,
    })),
  );
  const local = links.filter(({ target }) => !/^https?:/.test(target));
  const pathOf = ({ page, target }: { page: string; target: string }): string => join(page, '..', target);

  test('lead to files that exist', () => {
    expect(local.length).toBeGreaterThan(10);
    const broken = local.filter((link) => !existsSync(join(root, pathOf(link))));
    expect(broken).toEqual([]);
  });

  test('that name a function lead to a file that has it', () => {
    const named = local.filter(
      ({ text, target }) =>
        /^`[\w.]+`$/.test(text) && /\.(ts|cc|h)$/.test(target) && !target.endsWith(text.slice(1, -1)),
    );
    expect(named.length).toBeGreaterThan(10);
    const wrong = named.filter((link) => {
      const source = read(pathOf(link));
      return !link.text
        .replaceAll('`', '')
        .split('.')
        .every((part) => new RegExp(`\\b${part}\\b`).test(source));
    });
    expect(wrong).toEqual([]);
  });
});

describe('the check itself', () => {
  test('compares what is printed with the comment', () => {
    expect(withExpectations('console.log(await x.item()); // 10')).toBe('expectPrinted("10", await x.item());');
    expect(plain(shown(Float32Array.of(1, 2.5)))).toBe(plain('[1, 2.5]'));
    expect(plain(shown({ a: [[[[1]]]] }))).toBe(plain('{ a: [[[[1]]]] }'));
  });
});
