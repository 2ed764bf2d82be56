import { existsSync, readFileSync } from 'node:fs';
import { askProgram } from '../core/child-process.ts';

const hasProc = existsSync('/proc/self/stat');

/**
 * Returns a string that distinguishes a process from a later process with the same id; undefined if
 * the process has ended or is a zombie.
 */
export function processIdentity(pid: number): string | undefined {
  return hasProc ? identityFromProc(pid) : identityFromPs(pid);
}

/** Returns the resident memory in bytes; undefined if the process is gone. */
export function residentBytes(pid: number): number | undefined {
  const kibibytes = hasProc
    ? /^VmRSS:\s+(\d+) kB$/m.exec(readProc(`/proc/${pid}/status`))?.[1]
    : ps(pid, 'rss=')?.trim();
  return kibibytes === undefined || kibibytes === '' ? undefined : Number(kibibytes) * 1024;
}

function identityFromProc(pid: number): string | undefined {
  // The name in parentheses may contain any character, so count the fields after the last
  // parenthesis. Field 3 is the state, and field 22 is the start time.
  const fields = readProc(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ') ?? [];
  const [state] = fields;
  const startedAt = fields[19];
  if (state === undefined || startedAt === undefined || /[ZX]/.test(state)) return undefined;
  return `${readProc('/proc/sys/kernel/random/boot_id').trim()} ${startedAt}`;
}

function identityFromPs(pid: number): string | undefined {
  const [state, ...startedAt] = (ps(pid, 'stat=,lstart=') ?? '').trim().split(/\s+/);
  return state === undefined || state === '' || state.startsWith('Z') ? undefined : startedAt.join(' ');
}

function readProc(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function ps(pid: number, columns: string): string | undefined {
  try {
    return askProgram('ps', ['-o', columns, '-p', String(pid)], 5_000);
  } catch {
    return undefined;
  }
}
