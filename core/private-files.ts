import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  createWriteStream,
  fchmodSync,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join, relative } from 'node:path';
import type { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ConfigError } from './errors.ts';

// DATA_DIR contains customer data and a credential. Only its owner may read it, and symbolic links
// in it are not followed.

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

/** @throws ConfigError if the path is a symbolic link to a folder; EEXIST if it is a file. */
export function makePrivateFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: FOLDER_MODE });
  const found = lstatSync(path);
  if (!found.isDirectory()) {
    const kind = found.isSymbolicLink() ? 'a symbolic link' : 'something else';
    throw new ConfigError(`${path} must be a folder; got ${kind}: remove it`);
  }
  if (isOurs(found.uid) && (found.mode & 0o077) !== 0) chmodSync(path, FOLDER_MODE);
}

/**
 * Opens a file for appending, accessible only to its owner.
 * @throws ELOOP if it is a symbolic link.
 */
export function openPrivate(path: string): number {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW } = constants;
  const file = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, FILE_MODE);
  fchmodSync(file, FILE_MODE);
  return file;
}

/** Writes a file atomically. Replaces an existing file or symbolic link. */
export function writePrivate(path: string, content: string): void {
  renameSync(writeDraft(path, content), path);
}

/**
 * Writes a stream to a file atomically. Replaces an existing file or symbolic link. After a
 * failure, no draft is left.
 * @throws the errors of the streams and of the file system; the signal's reason.
 */
export async function writePrivateStream(
  path: string,
  [source, ...transforms]: readonly [Readable, ...Transform[]],
  signal: AbortSignal,
): Promise<void> {
  const draft = draftOf(path);
  try {
    const file = createWriteStream(draft, { flags: 'wx', mode: FILE_MODE });
    await pipeline([source, ...transforms, file], { signal });
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

/** Creates a file atomically unless its name is taken. @returns whether it created the file. */
export function createPrivate(path: string, content: string): boolean {
  const draft = writeDraft(path, content);
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  } finally {
    rmSync(draft, { force: true });
  }
}

/**
 * Returns the text of a regular file; undefined if it is missing or unreadable, a link, or another
 * user's file.
 */
export function readPrivate(path: string): string | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const found = fstatSync(file);
    return found.isFile() && isOurs(found.uid) ? readFileSync(file, 'utf8') : undefined;
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/**
 * Removes other users' rights from a folder and its subfolders `below`. Creates the folder if it is
 * missing. A folder that has the sticky bit, or contains the home or working folder, keeps its
 * rights.
 */
export function tighten(folder: string, ...below: readonly string[]): void {
  mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
  // The folder itself may be a link to another disk.
  const path = realpathSync(folder);
  for (const name of below) tightenTree(join(path, name));
  const { uid, mode } = lstatSync(path);
  const holds = (other: string) => !relative(path, other).startsWith('..');
  const isShared = (mode & 0o1000) !== 0 || holds(process.cwd()) || holds(homedir());
  if (isOurs(uid) && !isShared && (mode & 0o077) !== 0) chmodSync(path, FOLDER_MODE);
}

function tightenTree(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.isSymbolicLink() || !isOurs(found.uid)) return;
  if ((found.mode & 0o077) !== 0) chmodSync(path, found.mode & 0o700);
  if (!found.isDirectory()) return;
  for (const name of readdirSync(path)) {
    try {
      tightenTree(join(path, name));
    } catch (error) {
      // A running service may have removed the file.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

function writeDraft(path: string, content: string): string {
  const draft = draftOf(path);
  writeFileSync(draft, content, { flag: 'wx', mode: FILE_MODE });
  return draft;
}

function draftOf(path: string): string {
  return `${path}.${randomBytes(6).toString('hex')}.draft`;
}

/** Returns whether this user owns the file; true on a platform without file owners. */
function isOurs(uid: number): boolean {
  return process.getuid === undefined || process.getuid() === uid;
}
