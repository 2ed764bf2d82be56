import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const INSTALL_MS = 900_000;

interface PythonEnvironment {
  /** The folder of its programs. */
  readonly bin: string;
  /** The reason why the environment could not be created; false if it exists. */
  readonly missing: string | false;
}

/**
 * Returns a virtual environment with the packages of a requirements file. The environment is kept
 * for the next run. If Python or its package index is unavailable, `missing` states which.
 * @throws if a package cannot be installed.
 */
export function pythonEnvironment(name: string, requirements: string): PythonEnvironment {
  const folder = fileURLToPath(new URL(`../../.data/test-python/${name}`, import.meta.url));
  const bin = join(folder, 'bin');
  const installed = join(folder, 'installed.txt');
  const wanted = readFileSync(requirements, 'utf8');
  if (existsSync(installed) && readFileSync(installed, 'utf8') === wanted) return { bin, missing: false };
  rmSync(folder, { recursive: true, force: true });
  const isRecent = 'import sys, venv; sys.exit(sys.version_info < (3, 11))';
  if (!runs('python3', '-c', isRecent) || !runs('python3', '-m', 'venv', folder))
    return { bin, missing: 'requires Python 3.11 or newer with venv' };
  const pip = join(bin, 'pip');
  if (!runs(pip, 'index', 'versions', 'pip')) return { bin, missing: "requires Python's package index" };
  execFileSync(pip, ['install', '-q', '-r', requirements], { stdio: 'inherit', timeout: INSTALL_MS });
  writeFileSync(installed, wanted);
  return { bin, missing: false };
}

function runs(program: string, ...args: readonly string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore', timeout: 120_000 });
    return true;
  } catch {
    return false;
  }
}
