import { readFile } from 'node:fs/promises';
import { ConfigError, messageOf } from '../../../core/errors.ts';
import { rememberSecret } from '../../../core/redact.ts';
import type { ExportTargetSettings } from '../../../core/settings/config.ts';
import { isLoopback, notOneOf } from '../../../core/settings/setting-values.ts';
import { DuckDbTarget } from './duckdb.ts';
import { FolderTarget } from './folder.ts';
import type { TargetAddress } from './parse-target.ts';
import type { PostgresConnection } from './postgres.ts';
import type { Target } from './target.ts';

/**
 * Opens a target, which the caller closes.
 * @param signal aborts statements and requests of the target, except those of `close`.
 * @throws ConfigError, TargetFailedError, the signal's reason.
 */
export async function openTarget(
  address: TargetAddress,
  settings: ExportTargetSettings,
  signal: AbortSignal,
): Promise<Target> {
  switch (address.kind) {
    case 'parquet':
    case 'csv':
      return FolderTarget.open(address.kind, address.path);
    case 'duckdb':
      return DuckDbTarget.open(address.path, signal);
    case 'postgres': {
      const { PostgresTarget } = await import('./postgres.ts');
      return PostgresTarget.open(await postgresConnection(address.url, settings), signal);
    }
    case 's3': {
      const { S3Target } = await import('./s3.ts');
      return S3Target.open(address, settings, signal);
    }
  }
}

const sslModes = ['disable', 'require', 'verify-ca', 'verify-full'];

/**
 * Returns the connection that an address describes.
 * @throws ConfigError for an invalid address, for an unreadable `sslrootcert`, or if the connection
 *   to another machine is unencrypted and the settings do not allow it.
 */
export async function postgresConnection(
  url: URL,
  { pgPassword, allowsPlaintext }: ExportTargetSettings,
): Promise<PostgresConnection> {
  const host = url.hostname === '' ? '127.0.0.1' : decoded(url.hostname).replace(/^\[|\]$/g, '');
  const own = decoded(url.password);
  if (own !== '') rememberSecret(own);
  const password = own === '' ? pgPassword?.reveal() : own;
  const isLocal = isLoopback(host);
  const mode = url.searchParams.get('sslmode') ?? (isLocal ? 'disable' : 'verify-full');
  if (!sslModes.includes(mode)) throw notOneOf('sslmode in the address of --to', mode, sslModes);
  const unknown = [...url.searchParams.keys()].find((name) => name !== 'sslmode' && name !== 'sslrootcert');
  if (unknown !== undefined)
    throw new ConfigError(
      `the address of --to must have no parameters but sslmode and sslrootcert; got "${unknown}"`,
    );
  if (url.username === '')
    throw new ConfigError('the address of --to must name a user: postgres://USER@HOST/DATABASE');
  if (mode === 'disable' && !isLocal && !allowsPlaintext)
    throw new ConfigError(
      '--to names another machine, and a password could travel unencrypted: use sslmode=verify-full, or set ALLOW_PLAINTEXT_CREDENTIALS=true',
    );
  const caFile = url.searchParams.get('sslrootcert');
  const ca = caFile === null ? undefined : await readCa(caFile);
  return {
    host,
    port: url.port === '' ? 5432 : Number(url.port),
    user: decoded(url.username),
    database: decoded(url.pathname.slice(1)),
    password,
    tls: mode === 'disable' ? false : { ca },
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new ConfigError(
      'in the address of --to, a % in the user, password, host or database must be written as %25',
    );
  }
}

async function readCa(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new ConfigError(`sslrootcert must be the path of a readable file: ${messageOf(error)}`);
  }
}
