import { linkSync, lstatSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { LocalServiceError } from '../core/errors.ts';
import { isTrueWithin } from './deadline.ts';
import { createPrivate, makePrivateFolder, readPrivate } from '../core/private-files.ts';
import { describeProcess, ProcessRecord } from './process-record.ts';

const waitMs = 300_000;

/** Does the work while no other living process does any under the same path. */
export async function withLock<T>(
  path: string,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  makePrivateFolder(dirname(path));
  const holder = new ProcessRecord(path);
  if (!(await isTrueWithin(waitMs, () => tryAcquire(holder), signal)))
    throw new LocalServiceError(
      `another command has held ${path} for ${waitMs / 60_000} minutes: end it first`,
    );
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

function tryAcquire(holder: ProcessRecord): boolean {
  if (createPrivate(holder.path, describeProcess(process.pid))) return true;
  discardIfStale(holder);
  return false;
}

/** Discards a lock without a living holder: a damaged lock or symbolic link is never released. */
function discardIfStale(holder: ProcessRecord): void {
  const { path } = holder;
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return;
  const judged = readPrivate(path);
  if (holder.read() !== undefined) return;
  try {
    // If several processes find it stale, one of them succeeds in this.
    const discarded = `${path}.${process.pid}`;
    renameSync(path, discarded);
    // If another command holds the lock by now, it keeps it.
    if (readPrivate(discarded) !== judged) linkSync(discarded, path);
    rmSync(discarded, { force: true });
  } catch {
    // The lock has been released since: the next attempt decides.
  }
}
