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
 * service was started for: whatever else `url` is, gets none.
 */
export function findLocalCredentials(dataDir: string, url: string): LocalCredentials | undefined {
  const { protocol, hostname, origin } = new URL(url);
  if (protocol !== 'http:' || !isLoopback(hostname)) return undefined;
  const stored = parse(readPrivate(pathIn(dataDir)));
  return stored?.origin === origin
    ? { username: stored.username, password: new Secret(stored.password) }
    : undefined;
}

/** The same, made where there is none. A password that was made for another address is kept: exports of it stay right. */
export function ensureLocalCredentials(dataDir: string, url: string): LocalCredentials {
  const found = findLocalCredentials(dataDir, url);
  if (found !== undefined) return found;
  const path = pathIn(dataDir);
  const username = 'local';
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
