import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { makePrivateFolder, readPrivate, writePrivate } from './private-files.ts';
import { Secret } from './secret.ts';
import { isLoopback } from './setting-values.ts';

/** Who one is to the local ClickHouse. */
export interface LocalCredentials {
  readonly username: string;
  readonly password: Secret;
}

/**
 * The credential of the local ClickHouse, which `services up` leaves under DATA_DIR. Only for the very loopback address that the
 * service was started for, by number or as localhost, and for a user of that name: whatever else `url` is, gets none.
 */
export function findLocalCredentials(
  dataDir: string,
  url: string,
  username?: string,
): LocalCredentials | undefined {
  const stored = parse(readPrivate(pathIn(dataDir)));
  if (stored === undefined || !isSameService(url, stored.origin)) return undefined;
  if (username !== undefined && username !== stored.username) return undefined;
  return { username: stored.username, password: new Secret(stored.password) };
}

/** Addresses that localhost stands for. */
const localhosts = ['127.0.0.1', '[::1]'];

function isSameService(url: string, storedOrigin: string): boolean {
  if (!URL.canParse(storedOrigin)) return false;
  const { protocol, hostname, port } = new URL(url);
  const stored = new URL(storedOrigin);
  if (protocol !== 'http:' || stored.protocol !== 'http:' || port !== stored.port || !isLoopback(hostname))
    return false;
  const means = (name: string, other: string) => name === 'localhost' && localhosts.includes(other);
  const { hostname: other } = stored;
  return hostname === other || means(hostname, other) || means(other, hostname);
}

/**
 * The same, made where there is none. A password that was made for another address or user is kept: exports of it stay right.
 */
export function ensureLocalCredentials(dataDir: string, url: string, username = 'local'): LocalCredentials {
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

interface Stored {
  readonly origin: string;
  readonly username: string;
  readonly password: string;
}

function parse(text: string | undefined): Stored | undefined {
  try {
    const stored = JSON.parse(text ?? '') as Partial<Stored> | null;
    const { origin, username, password } = stored ?? {};
    return typeof origin === 'string' &&
      typeof username === 'string' &&
      typeof password === 'string' &&
      password.length >= 16
      ? { origin, username, password }
      : undefined;
  } catch {
    return undefined;
  }
}
