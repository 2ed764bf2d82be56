import { linkSync, lstatSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { LocalServiceError } from '../core/errors.ts';
import { isTrueWithin } from './deadline.ts';
import { createPrivate, makePrivateFolder, readPrivate } from '../core/private-files.ts';
import { describeProcess, ProcessRecord } from './process-record.ts';

const waitMs = 300_000;

/**
 * Runs `work` while holding the lock at `path`, which one process at a time can hold.
 * @throws LocalServiceError
 */
export async function withLock<T>(
  path: string,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  makePrivateFolder(dirname(path));
  const holder = new ProcessRecord(path);
  if (!(await isTrueWithin(waitMs, () => tryAcquire(holder), signal)))
    throw new LocalServiceError(
      `another command has held ${path} for ${waitMs / 60_000} minutes: end that command first`,
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

/**
 * Discards a lock that will never be released: its holder is dead, or the file is damaged or a
 * link.
 */
function discardIfStale(holder: ProcessRecord): void {
  const { path } = holder;
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return;
  const judged = readPrivate(path);
  if (holder.read() !== undefined) return;
  try {
    // If several processes find the lock stale, only one of them succeeds in renaming it.
    const discarded = `${path}.${process.pid}`;
    renameSync(path, discarded);
    // If another command acquired the lock in the meantime, put it back.
    if (readPrivate(discarded) !== judged) linkSync(discarded, path);
    rmSync(discarded, { force: true });
  } catch {
    // Another process released or discarded the lock in the meantime: the next attempt decides.
  }
}
