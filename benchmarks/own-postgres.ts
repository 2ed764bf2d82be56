import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { freePort } from '../services/local-address.ts';
import { isTrueWithin } from '../services/deadline.ts';
import { LocalServiceError } from '../core/errors.ts';

const ROOT = '/usr/lib/postgresql';
/** The name of the superuser. */
const USER = 'owner';
const START_MS = 30_000;
/** The user id of `nobody`, used because PostgreSQL refuses to run as root. */
const NOBODY = 65_534;

/** A temporary PostgreSQL server that does not require a password. `stop` deletes its files. */
export interface OwnPostgres {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

/** Returns the folder of PostgreSQL's programs; undefined if it is not installed under `ROOT`. */
export function postgresPrograms(): string | undefined {
  const versions = existsSync(ROOT) ? readdirSync(ROOT) : [];
  return versions
    .map((version) => join(ROOT, version, 'bin'))
    .find((path) => existsSync(join(path, 'initdb')));
}

/**
 * Starts PostgreSQL; returns undefined if it is not installed.
 * @param settings that differ from the defaults, such as `fsync=off`.
 * @throws LocalServiceError if it does not respond within 30 s.
 */
export async function startPostgres(settings: readonly string[] = []): Promise<OwnPostgres | undefined> {
  const bin = postgresPrograms();
  if (bin === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'chartmogul-postgres-'));
  const account = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  if (account.uid !== undefined) chownSync(folder, account.uid, account.gid);
  const data = join(folder, 'data');
  const options = ['-D', data, '-U', USER, '-A', 'trust', '--no-sync', '-E', 'UTF8', '--locale=C'];
  execFileSync(join(bin, 'initdb'), options, { ...account, stdio: 'ignore' });
  const port = await freePort();
  const args = ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', folder];
  const more = settings.flatMap((setting) => ['-c', setting]);
  const server = spawn(join(bin, 'postgres'), [...args, ...more], { ...account, stdio: 'ignore' });
  const ended = once(server, 'exit');
  const stop = async () => {
    server.kill('SIGINT');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  const url = `postgres://${USER}@127.0.0.1:${port}/postgres`;
  if (await isTrueWithin(START_MS, () => answers(url))) return { url, stop };
  await stop();
  throw new LocalServiceError(`PostgreSQL did not respond within ${START_MS / 1000} s`);
}

/** Returns the total size in bytes of the tables that an export has written. */
export async function tableBytes({ url }: OwnPostgres): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ bytes: string }>(
      "SELECT sum(pg_total_relation_size(oid)) AS bytes FROM pg_class WHERE relkind = 'r' AND relnamespace = 'chartmogul'::regnamespace",
    );
    return Number(rows[0]?.bytes);
  } finally {
    await client.end();
  }
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}
