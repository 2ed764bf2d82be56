import { createHash } from 'node:crypto';
import { createReadStream, readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { LocalServiceError } from '../core/errors.ts';

/**
 * Compares the files in the folders with a list from `sha256sum`. An extra file is also an error,
 * because Java loads every jar in a folder.
 * @throws LocalServiceError naming the first file that differs, is extra or is missing.
 */
export async function verifyChecksums(root: string, folders: readonly string[], list: string): Promise<void> {
  const lines = list.split('\n').filter((line) => line !== '');
  const wanted = new Map(lines.map((line) => [line.slice(66), line.slice(0, 64)]));
  for (const path of folders.flatMap((folder) => filesIn(root, folder))) {
    const hash = createHash('sha256');
    await pipeline(createReadStream(join(root, path)), hash);
    if (wanted.get(path) !== hash.digest('hex')) throw differs(path, 'is not the expected file');
    wanted.delete(path);
  }
  const [missing] = wanted.keys();
  if (missing !== undefined) throw differs(missing, 'is missing');
}

function filesIn(root: string, folder: string): string[] {
  const entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => !entry.isDirectory());
  return files.map(({ parentPath, name }) => relative(root, join(parentPath, name)).replaceAll(sep, '/'));
}

function differs(path: string, how: string): LocalServiceError {
  return new LocalServiceError(
    `${path} ${how}: the files must match services/java-packages.sha256. Check whether a Maven mirror or proxy changes files. No file was kept`,
  );
}
