// Finds one example of examples/ and runs it: `npm run example -- course/13` (the start of its name is enough).
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const wanted = process.argv[2] ?? '';
const folder = join(root, 'examples', dirname(wanted));
const isProgram = (name) => /^\d.*\.ts$/.test(name);
const programs = existsSync(folder) ? readdirSync(folder).filter(isProgram).sort() : [];
const start = basename(wanted, '.ts').replace(/^\d(?=-|$)/, '0$&');
// A bare number must be the whole number: 1 is not 10.
const matches = programs.filter((name) =>
  /^\d+$/.test(start) ? Number.parseInt(name, 10) === Number(start) : name.startsWith(start),
);
if (matches.length !== 1) {
  const list = matches.length > 1 ? matches : programs;
  console.error(`fovea: ${matches.length > 1 ? 'several examples match' : 'no example is called'} '${wanted}'.`);
  console.error(
    list.length > 0
      ? `There are:\n  ${list.map((name) => name.slice(0, -3)).join('\n  ')}`
      : 'Say for example: npm run example -- course/13',
  );
  process.exit(2);
}

process.argv = [...process.argv.slice(0, 2), join('examples', dirname(wanted), matches[0]), ...process.argv.slice(3)];
await import('./run.mjs');
