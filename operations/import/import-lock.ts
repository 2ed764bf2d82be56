import { join } from 'node:path';
import { rmSync } from 'node:fs';
import { RunActiveError } from '../../core/errors.ts';
import { createPrivate, readPrivate } from '../../core/private-files.ts';

/**
 * Claims the imports into a data source for this process. The claim of a process that is no longer
 * running does not count.
 * @returns a function that releases the claim.
 * @throws RunActiveError
 */
export function claimImports(folder: string): () => void {
  const path = join(folder, 'process');
  const owner = Number(readPrivate(path));
  if (isAlive(owner)) throw activeError(owner, path);
  rmSync(path, { force: true });
  if (!createPrivate(path, `${process.pid}\n`)) throw activeError(Number(readPrivate(path)), path);
  return () => rmSync(path, { force: true });
}

function activeError(owner: number, path: string): RunActiveError {
  return new RunActiveError(
    `another import into this data source is running (process ${owner}): wait until it ends; if that process is not running, remove ${path}`,
  );
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // The process belongs to another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
