import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { ConfigError } from '../../core/errors.ts';
import { assistantFiles, type AssistantClient } from './clients.ts';
import { changedLines } from './changed-lines.ts';

export interface FileChange {
  /** The path relative to the folder of the user's project. */
  readonly path: string;
  readonly about: string;
  readonly state: 'new' | 'changed' | 'same';
  readonly content: string;
  /** The removed lines (`-`) and added lines (`+`). */
  readonly lines: readonly string[];
}

/**
 * Returns each file of a client with its new content and the changed lines. Writes nothing.
 * @param folder the folder of the user's project.
 * @param root the folder whose settings the server reads.
 * @throws ConfigError if `folder` is not a folder, or if an existing path is not a file, cannot be
 *   merged, or is reached through a symbolic link that leads out of the folder.
 */
export function planFiles(client: AssistantClient, folder: string, root: string): FileChange[] {
  if (!existsSync(folder) || !lstatSync(realpathSync(folder)).isDirectory())
    throw new ConfigError(`--folder must be an existing folder; got ${JSON.stringify(folder)}`);
  return assistantFiles(client, root).map(({ path, about, merge }) => {
    const existing = readExisting(folder, path);
    const content = merge(existing);
    const state = existing === undefined ? 'new' : existing === content ? 'same' : 'changed';
    return { path, about, state, content, lines: changedLines(existing ?? '', content) };
  });
}

export function writeChange(folder: string, { path, state, content }: FileChange): void {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
  // `wx` fails if another program has created the file in the meantime.
  writeFileSync(file, content, { flag: state === 'new' ? 'wx' : 'w' });
  // By default, only the user may read files that the process creates. These contain no secrets and
  // are shared with a team.
  if (state === 'new') chmodSync(file, 0o644);
}

function readExisting(folder: string, path: string): string | undefined {
  const file = join(folder, path);
  const parts = path.split('/');
  for (let count = 1; count <= parts.length; count++) {
    const part = join(folder, ...parts.slice(0, count));
    const isLink = lstatSync(part, { throwIfNoEntry: false })?.isSymbolicLink() === true;
    if (isLink && !isWithin(realpathOf(part), realpathSync(folder)))
      throw new ConfigError(`${path} must not be a symbolic link out of the folder: remove the link`);
  }
  if (!existsSync(file)) return undefined;
  if (!lstatSync(realpathSync(file)).isFile())
    throw new ConfigError(`${path} must be a file: move or remove what exists at this path`);
  return readFileSync(file, 'utf8');
}

/**
 * Returns the resolved path. A dangling link resolves to the root folder, so it counts as leading
 * out of the project.
 */
function realpathOf(path: string): string {
  return existsSync(path) ? realpathSync(path) : sep;
}

function isWithin(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !way.startsWith(sep);
}
