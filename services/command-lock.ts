import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { LocalServiceError } from '../core/errors.ts';
import { isTrueWithin } from './deadline.ts';
import { processIdentity } from './process-identity.ts';

const waitMs = 300_000;

/** Does the work while no other process does any under the same path; a holder that was killed counts as gone. */
export async function withLock<T>(
  path: string,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  mkdirSync(dirname(path), { recursive: true });
  const holder = JSON.stringify({ pid: process.pid, identity: processIdentity(process.pid) });
  if (!(await isTrueWithin(waitMs, () => tryTake(path, holder), signal))) {
    throw new LocalServiceError(
      `another command holds ${path} since ${waitMs / 60_000} minutes: end it first`,
    );
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

function tryTake(path: string, holder: string): boolean {
  try {
    writeFileSync(path, holder, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    discardIfStale(path);
    return false;
  }
}

function discardIfStale(path: string): void {
  try {
    const { pid, identity } = JSON.parse(readFileSync(path, 'utf8')) as { pid: number; identity: string };
    if (processIdentity(pid) === identity) return;
    // Of several who find it stale, one succeeds in this.
    const discarded = `${path}.${process.pid}`;
    renameSync(path, discarded);
    rmSync(discarded, { force: true });
  } catch {
    // Released or not yet written out meanwhile: the next try will tell.
  }
}
