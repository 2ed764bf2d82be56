import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { messageOf, TargetFailedError } from '../../../core/errors.ts';
import { manifestText, parseManifest, type ExportedFile, type Manifest } from '../manifest.ts';

export const MANIFEST = 'manifest.json';
const OWNER = 'process';

/** The folder in which an export writes its files until it publishes them. */
export class WorkFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** @throws TargetFailedError if another export that still runs has the folder. */
  async claim(): Promise<void> {
    await inFolder(this.path, async () => {
      await mkdir(this.path, { recursive: true, mode: 0o700 });
      const owner = Number(await readText(join(this.path, OWNER)));
      if (owner !== process.pid && isAlive(owner))
        throw new TargetFailedError(
          `another export (process ${owner}) is writing to ${this.path}: wait until it ends`,
        );
      await writeWhole(join(this.path, OWNER), `${process.pid}\n`);
    });
  }

  async readUnfinished(): Promise<Manifest | undefined> {
    return inFolder(this.path, async () => parseManifest(await readText(join(this.path, MANIFEST))));
  }

  async has({ name, bytes, sha256 }: ExportedFile): Promise<boolean> {
    const path = join(this.path, name);
    return inFolder(this.path, async () => {
      const found = await stat(path).catch(() => undefined);
      return found?.isFile() === true && found.size === bytes && (await digestOf(path)) === sha256;
    });
  }

  async hasName(name: string): Promise<boolean> {
    return (await stat(join(this.path, name)).catch(() => undefined)) !== undefined;
  }

  async write(name: string, bytes: Readable, signal: AbortSignal): Promise<void> {
    const path = join(this.path, name);
    await inFolder(this.path, async () => {
      await pipeline(bytes, createWriteStream(`${path}.part`, { mode: 0o600, flush: true }), { signal });
      await rename(`${path}.part`, path);
    });
  }

  async save(manifest: Manifest): Promise<void> {
    await inFolder(this.path, () => writeWhole(join(this.path, MANIFEST), manifestText(manifest)));
  }

  /** Removes everything but the claim. */
  async clear(): Promise<void> {
    await this.remove();
    await this.claim();
  }

  async remove(): Promise<void> {
    await inFolder(this.path, () => rm(this.path, { recursive: true, force: true }));
  }

  /** Lets another export claim the folder. */
  async release(): Promise<void> {
    await inFolder(this.path, () => rm(join(this.path, OWNER), { force: true }));
    await removeEmpty(this.path);
  }
}

export async function readText(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
}

/** Removes a folder without files. */
export async function removeEmpty(path: string): Promise<void> {
  await rmdir(path).catch(() => undefined);
}

/** Writes a file that readers see whole or not at all, also after a power failure. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const draft = `${path}.part`;
  const file = await open(draft, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
}

const remedies: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full: free some space, then run the export again; it resumes',
  EDQUOT: 'the disk quota is used up: free some space, then run the export again; it resumes',
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'a part of the path is a file',
  EEXIST: 'a file has the name of the folder',
};

/** Runs work on files. Their errors become a TargetFailedError that names the folder. */
export async function inFolder<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isOfSystem = error instanceof Error && 'code' in error && 'syscall' in error && 'path' in error;
    const isOfWrite =
      error instanceof Error && 'code' in error && 'syscall' in error && error.syscall === 'write';
    if (!isOfSystem && !isOfWrite) throw error;
    const remedy = remedies[String(error.code)] ?? messageOf(error);
    throw new TargetFailedError(`the export cannot use ${folder}: ${remedy} (${String(error.code)})`, {
      cause: error,
    });
  }
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // The process belongs to another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
