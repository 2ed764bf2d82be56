import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { lstat, open, readdir, readFile, rename, rm, rmdir, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { messageOf, TargetFailedError } from '../../../core/errors.ts';
import { makePrivateFolder } from '../../../core/private-files.ts';
import { manifestText, parseManifest, type ExportedFile, type Manifest } from '../manifest.ts';
import {
  claimText,
  createClaim,
  heldError,
  holderOf,
  parseClaim,
  unknownHolder,
  type Claim,
} from './claim.ts';

export const MANIFEST = 'manifest.json';
const OWNER = 'process';

/**
 * The folder in which an export writes its files until it publishes them. Methods throw
 * TargetFailedError for an error of the file system.
 */
export class WorkFolder {
  readonly path: string;
  #claim: Claim | undefined;

  constructor(path: string) {
    this.path = path;
  }

  /**
   * Creates the folder for this user only, and claims it, unless this export has already done so.
   * @throws TargetFailedError if another user owns the folder, or another export that may still be
   *   running has claimed it.
   */
  async claim(): Promise<void> {
    await inFolder(this.path, async () => {
      makePrivateFolder(this.path);
      if (process.getuid !== undefined && (await lstat(this.path)).uid !== process.getuid())
        throw new TargetFailedError(`${this.path} belongs to another user: remove it`);
      const claim = (this.#claim ??= await createClaim());
      if (await this.#create(claim)) return;
      const found = parseClaim(await readText(this.#owner));
      if (found?.id === claim.id) return;
      const renewed = (await lstat(this.#owner).catch(() => undefined))?.mtimeMs ?? Date.now();
      const holder = await holderOf(found, Date.now() - renewed);
      if (holder === undefined) await rm(this.#owner, { force: true });
      if (holder !== undefined || !(await this.#create(claim)))
        throw heldError(holder ?? unknownHolder, this.path, this.#owner);
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
      // Removes a link that another user may have created, instead of following it.
      await rm(`${path}.part`, { recursive: true, force: true });
      const draft = createWriteStream(`${path}.part`, { flags: 'wx', mode: 0o600, flush: true });
      await pipeline(bytes, draft, { signal });
      await rename(`${path}.part`, path);
    });
  }

  /**
   * Stores the manifest, and renews the claim.
   * @throws TargetFailedError if another export has claimed the folder in the meantime.
   */
  async save(manifest: Manifest): Promise<void> {
    await inFolder(this.path, async () => {
      if (!(await this.#isOurs()))
        throw new TargetFailedError(
          `another export has claimed ${this.path}: wait until it ends, then run the export again`,
        );
      const now = new Date();
      await utimes(this.#owner, now, now);
      await writeWhole(join(this.path, MANIFEST), manifestText(manifest));
    });
  }

  /** Claims the folder, and removes everything in it except the claim and the named files. */
  async clear(kept: readonly string[] = []): Promise<void> {
    await this.claim();
    await inFolder(this.path, async () => {
      for (const name of await readdir(this.path))
        if (name !== OWNER && !kept.includes(name))
          await rm(join(this.path, name), { recursive: true, force: true });
    });
  }

  async remove(): Promise<void> {
    await inFolder(this.path, () => rm(this.path, { recursive: true, force: true }));
  }

  /** Moves the folder to another path, and removes the claim from it. */
  async moveTo(path: string): Promise<void> {
    await inFolder(this.path, async () => {
      await rename(this.path, path);
      await rm(join(path, OWNER), { force: true });
    });
  }

  /**
   * Releases the claim, so that another export can claim the folder. Removes the folder if it is
   * empty.
   */
  async release(): Promise<void> {
    await inFolder(this.path, async () => {
      if (await this.#isOurs()) await rm(this.#owner, { force: true });
    });
    await removeEmpty(this.path);
  }

  get #owner(): string {
    return join(this.path, OWNER);
  }

  async #isOurs(): Promise<boolean> {
    const id = this.#claim?.id;
    return id !== undefined && parseClaim(await readText(this.#owner))?.id === id;
  }

  /** Creates the claim. Returns false if there is already one. */
  async #create(claim: Claim): Promise<boolean> {
    try {
      const file = await open(this.#owner, 'wx', 0o600);
      await file.writeFile(claimText(claim)).finally(() => file.close());
      return true;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
      throw error;
    }
  }
}

export async function readText(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
}

/** Removes a folder if it is empty. */
export async function removeEmpty(path: string): Promise<void> {
  await rmdir(path).catch(() => undefined);
}

/**
 * Writes a file atomically: readers see either the old content or the new one, even after a power
 * failure.
 */
export async function writeWhole(path: string, text: string): Promise<void> {
  const draft = `${path}.part`;
  await rm(draft, { recursive: true, force: true });
  const file = await open(draft, 'wx', 0o600);
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
  EACCES: 'this user has no permission to write there',
  EPERM: 'this user has no permission to write there',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'part of the path is a file',
  EEXIST: 'a file has the name of the folder',
};

/**
 * Runs work on files. Translates file system errors to a TargetFailedError that names the folder.
 */
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
