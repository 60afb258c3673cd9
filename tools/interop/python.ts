// The Python that opens our files: FOVEA_PYTHON, or a virtual environment of the project's own under build/, made when it is
// needed. Where there is no Python or no network, the reason why not.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const NEEDED = ['keras', 'tensorflow', 'onnx', 'onnxruntime'];
const PACKAGES = ['keras==3.15.1', 'tensorflow-cpu', 'onnx', 'onnxruntime'];

/** A Python with all packages, or why there is none. */
export type Found = { readonly python: string } | { readonly reason: string };

function hasPackages(python: string): boolean {
  const code = `import importlib.util as u, sys; sys.exit(0 if all(u.find_spec(n) for n in ${JSON.stringify(NEEDED)}) else 1)`;
  return spawnSync(python, ['-c', code], { stdio: 'ignore' }).status === 0;
}

/** Finds a Python, or makes an environment for the one that is there. */
export function findPython(root: string): Found {
  const own = process.env.FOVEA_PYTHON;
  if (own !== undefined && own !== '') {
    if (hasPackages(own)) return { python: own };
    return { reason: `FOVEA_PYTHON=${own} does not have ${NEEDED.join(', ')}` };
  }
  const folder = join(root, 'build/interop/python');
  const python = join(folder, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  if (existsSync(python) && hasPackages(python)) return { python };
  const base = ['python3', 'python'].find(
    (each) => spawnSync(each, ['-c', 'import venv'], { stdio: 'ignore' }).status === 0,
  );
  if (base === undefined) return { reason: 'there is no Python with the venv module' };
  console.log(`interop: installing ${PACKAGES.join(', ')} into ${folder}`);
  const made = spawnSync(base, ['-m', 'venv', folder], { encoding: 'utf8' });
  if (made.status !== 0)
    return { reason: `no virtual environment can be made: ${lastLine(made.stderr || made.stdout)}` };
  const args = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...PACKAGES];
  const installed = spawnSync(python, args, { encoding: 'utf8', timeout: 15 * 60_000 });
  if (installed.status === 0 && hasPackages(python)) return { python };
  return { reason: `Python's packages cannot be installed: ${lastLine(installed.stderr)}` };
}

function lastLine(text: string | null): string {
  return (text ?? '').trim().split('\n').at(-1) ?? '';
}
