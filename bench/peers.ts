// Where the peers are installed: apart from the product, in bench/peers/.env, or where FOVEA_PEERS (a Python) and
// FOVEA_NODE_PEERS (a folder with node_modules) say.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

// `npm run` starts programs in the package's folder.
const FOLDER = resolve('bench/peers/.env');
const PYTHON = join(FOLDER, 'python/bin/python');
const NODE = join(FOLDER, 'node');

/** The interpreter with the Python peers and the folder with those of Node, as far as they are there. */
export function peerPlaces(): { python: string | undefined; node: string | undefined } {
  const { FOVEA_PEERS, FOVEA_NODE_PEERS } = process.env;
  const isThere = (path: string): string | undefined => (existsSync(path) ? path : undefined);
  return { python: FOVEA_PEERS || isThere(PYTHON), node: FOVEA_NODE_PEERS || isThere(NODE) };
}

/** Installs all peers, several gigabytes; FOVEA_PYTHON names another Python than python3. */
export function installPeers(): void {
  const run = (program: string, args: readonly string[], cwd = FOLDER): void => {
    execFileSync(program, args, { cwd, stdio: 'inherit' });
  };
  mkdirSync(NODE, { recursive: true });
  copyFileSync('bench/peers/package.json', join(NODE, 'package.json'));
  run('npm', ['install', '--no-fund', '--no-audit'], NODE);
  if (!existsSync(PYTHON)) run(process.env.FOVEA_PYTHON ?? 'python3', ['-m', 'venv', join(FOLDER, 'python')]);
  run(PYTHON, ['-m', 'pip', 'install', '--upgrade', '-r', resolve('bench/peers/requirements.txt')]);
}
