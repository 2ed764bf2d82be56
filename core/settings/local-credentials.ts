import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { makePrivateFolder, readPrivate, writePrivate } from '../private-files.ts';
import { Secret, type Credentials } from './secret.ts';
import { isLoopback } from './setting-values.ts';

/**
 * Returns the credential that `services up` stores under DATA_DIR. Returns undefined if there is
 * none, for another user, or for any address but the service's loopback address (numeric or
 * `localhost`).
 */
export function findLocalCredentials(
  dataDir: string,
  url: string,
  username?: string,
): Credentials | undefined {
  const stored = parse(readPrivate(pathIn(dataDir)));
  if (stored === undefined || !isSameService(url, stored.origin)) return undefined;
  if (username !== undefined && username !== stored.username) return undefined;
  return { username: stored.username, password: new Secret(stored.password) };
}

const localhosts = ['127.0.0.1', '[::1]'];

function isSameService(url: string, storedOrigin: string): boolean {
  if (!URL.canParse(storedOrigin)) return false;
  const { protocol, hostname, port } = new URL(url);
  const stored = new URL(storedOrigin);
  if (protocol !== 'http:' || stored.protocol !== 'http:' || port !== stored.port || !isLoopback(hostname))
    return false;
  const isAliasOf = (name: string, other: string) => name === 'localhost' && localhosts.includes(other);
  const { hostname: other } = stored;
  return hostname === other || isAliasOf(hostname, other) || isAliasOf(other, hostname);
}

/**
 * Returns the stored credential, or stores a new one. The password survives a change of address or
 * user, so that settings exported earlier stay valid.
 */
export function ensureLocalCredentials(dataDir: string, url: string, username = 'local'): Credentials {
  const found = findLocalCredentials(dataDir, url, username);
  if (found !== undefined) return found;
  const path = pathIn(dataDir);
  const password = parse(readPrivate(path))?.password ?? randomBytes(24).toString('base64url');
  makePrivateFolder(dirname(path));
  writePrivate(path, `${JSON.stringify({ origin: new URL(url).origin, username, password })}\n`);
  return { username, password: new Secret(password) };
}

function pathIn(dataDir: string): string {
  return join(dataDir, 'services', 'clickhouse-credential');
}

type Stored = Readonly<Record<'origin' | 'username' | 'password', string>>;

function parse(text: string | undefined): Stored | undefined {
  try {
    const stored = JSON.parse(text ?? '') as Partial<Stored> | null;
    const { origin, username, password } = stored ?? {};
    if (typeof origin !== 'string' || typeof username !== 'string' || typeof password !== 'string')
      return undefined;
    return password.length >= 16 ? { origin, username, password } : undefined;
  } catch {
    return undefined;
  }
}
