import { execFileSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));

/** Describes the machine and the code that produced the figures. */
export interface Provenance {
  readonly date: string;
  /** The last commit of the code; undefined outside a repository or without Git. */
  readonly commit: string | undefined;
  readonly cpu: string;
  readonly cores: number;
  readonly memory_gb: number;
  readonly node: string;
}

export function provenance(): Provenance {
  const [first] = cpus();
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: commitOf(),
    cpu: first?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memory_gb: Math.round(totalmem() / 1e9),
    node: process.version,
  };
}

function commitOf(): string | undefined {
  try {
    return execFileSync('git', ['rev-parse', '--short=12', 'HEAD'], {
      cwd: root,
      encoding: 'utf8',
      timeout: 10_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
}
