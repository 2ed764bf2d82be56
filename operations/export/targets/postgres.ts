import { pipeline } from 'node:stream/promises';
import type { Readable } from 'node:stream';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { TargetFailedError } from '../../../core/errors.ts';
import { foreignText } from '../../../core/http/foreign-text.ts';
import { exportedTypeOf } from '../exported-type.ts';
import { manifestText, parseManifest, type ExportedFile, type Manifest } from '../manifest.ts';
import { pgName, pgText, pgType } from './postgres-names.ts';
import { publishedSql, type PublishStep } from './postgres-publish.ts';
import type { NewFile, Target } from './target.ts';

export const SCHEMA = 'chartmogul';
export const STAGING = 'chartmogul_staging';
/** Holds the manifest in each of the schemas. */
export const MANIFEST_TABLE = '_export';

const CONNECT_MS = 15_000;
/** How long a reader's open transaction may delay the swap. */
const LOCK_WAIT = '60s';

export interface PostgresConnection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  /** Undefined: as `~/.pgpass` says, if at all. */
  readonly password: string | undefined;
  /** False without TLS; else the certificate is verified, against a CA of its own if there is one. */
  readonly tls: false | { readonly ca: string | undefined };
}

/** A schema of a PostgreSQL database with a table per view. */
export class PostgresTarget implements Target {
  readonly form = 'postgres';
  readonly mergesChanges = true;
  readonly #client: pg.Client;
  readonly #at: string;

  private constructor(client: pg.Client, at: string) {
    this.#client = client;
    this.#at = at;
  }

  /** Connects, and waits for no other export into the same database. */
  static async open({ host, port, tls, ...account }: PostgresConnection): Promise<PostgresTarget> {
    const at = `${host}:${port}/${account.database}`;
    const client = new pg.Client({
      host,
      port,
      ...account,
      ssl: tls === false ? false : { rejectUnauthorized: true, ...(tls.ca !== undefined && { ca: tls.ca }) },
      connectionTimeoutMillis: CONNECT_MS,
      keepAlive: true,
      application_name: 'chartmogul-clickhouse export',
      // Timestamps are sent without a zone.
      options:
        '-c TimeZone=UTC -c client_encoding=UTF8 -c DateStyle=ISO,YMD -c standard_conforming_strings=on',
    });
    // Without a listener, a lost connection would end the process. The next query reports it.
    client.on('error', () => undefined);
    const target = new PostgresTarget(client, at);
    await target.#translated(() => client.connect());
    try {
      const [lock] = await target.#rows<{ free: boolean }>(
        `SELECT pg_try_advisory_lock(hashtext('${SCHEMA}'), hashtext('export')) AS free`,
      );
      if (lock?.free !== true)
        throw new TargetFailedError(`another export is writing to PostgreSQL at ${at}: wait until it ends`);
      return target;
    } catch (error) {
      await target.close();
      throw error;
    }
  }

  readManifest(): Promise<Manifest | undefined> {
    return this.#readManifest(SCHEMA);
  }

  readUnfinished(): Promise<Manifest | undefined> {
    return this.#readManifest(STAGING);
  }

  async has({ name }: ExportedFile): Promise<boolean> {
    return this.#exists(STAGING, name);
  }

  async start(): Promise<void> {
    await this.discard();
    await this.#createStaging();
  }

  async discard(): Promise<void> {
    await this.#rows(`DROP SCHEMA IF EXISTS ${STAGING} CASCADE`);
  }

  async write({ name, columns }: NewFile, bytes: Readable, signal: AbortSignal): Promise<void> {
    const table = `${STAGING}.${pgName(name)}`;
    const list = columns.map((column) => `${pgName(column.name)} ${pgType(exportedTypeOf(column.type))}`);
    await this.#createStaging();
    await this.#inTransaction(async () => {
      await this.#rows(`DROP TABLE IF EXISTS ${table}`);
      await this.#rows(`CREATE TABLE ${table} (${list.join(', ')})`);
      for (const column of columns) {
        if (column.comment !== '')
          await this.#rows(`COMMENT ON COLUMN ${table}.${pgName(column.name)} IS ${pgText(column.comment)}`);
      }
      const copy = this.#client.query(copyFrom(`COPY ${table} FROM STDIN`));
      await this.#translated(() => pipeline(bytes, copy, { signal }));
    });
  }

  save(manifest: Manifest): Promise<void> {
    return this.#saveManifest(STAGING, manifest);
  }

  async publish(manifest: Manifest, earlier: Manifest | undefined): Promise<void> {
    await this.#createStaging();
    await this.#inTransaction(async () => {
      await this.#rows(`SET LOCAL lock_timeout = '${LOCK_WAIT}'`);
      await this.#rows(`CREATE SCHEMA IF NOT EXISTS ${SCHEMA}`);
      for (const view of manifest.views) {
        for (const step of publishedSql(view)) await this.#run(step);
      }
      const replaced = new Set(manifest.views.map(({ name }) => name));
      const kept = (earlier?.views ?? []).filter(({ name }) => !replaced.has(name));
      await this.#saveManifest(SCHEMA, { ...manifest, views: [...manifest.views, ...kept] });
      await this.#rows(`DROP SCHEMA ${STAGING} CASCADE`);
    });
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => undefined);
  }

  /** Runs a statement, or another one if objects of a user depend on what it would drop. */
  async #run({ sql, otherwise }: PublishStep): Promise<void> {
    if (otherwise === undefined) {
      await this.#rows(sql);
      return;
    }
    await this.#rows('SAVEPOINT step');
    try {
      await this.#client.query(sql);
    } catch (error) {
      if (!(error instanceof pg.DatabaseError) || error.code !== DEPENDENT_OBJECTS)
        throw this.#meaningOf(error);
      await this.#rows('ROLLBACK TO SAVEPOINT step');
      for (const statement of otherwise) await this.#rows(statement);
    }
  }

  async #createStaging(): Promise<void> {
    await this.#rows(`CREATE SCHEMA IF NOT EXISTS ${STAGING}`);
  }

  async #exists(schema: string, table: string): Promise<boolean> {
    const name = `${schema}.${pgName(table)}`;
    const [row] = await this.#rows<{ found: boolean }>(
      `SELECT to_regclass(${pgText(name)}) IS NOT NULL AS found`,
    );
    return row?.found === true;
  }

  async #readManifest(schema: string): Promise<Manifest | undefined> {
    if (!(await this.#exists(schema, MANIFEST_TABLE))) return undefined;
    const [row] = await this.#rows<{ manifest: string }>(`SELECT manifest FROM ${schema}.${MANIFEST_TABLE}`);
    return parseManifest(row?.manifest);
  }

  async #saveManifest(schema: string, manifest: Manifest): Promise<void> {
    const table = `${schema}.${MANIFEST_TABLE}`;
    await this.#rows(`CREATE TABLE IF NOT EXISTS ${table} (manifest text NOT NULL)`);
    // One statement: a kill leaves the old manifest or the new one.
    await this.#rows(
      `WITH gone AS (DELETE FROM ${table}) INSERT INTO ${table} VALUES (${pgText(manifestText(manifest))})`,
    );
  }

  async #inTransaction(work: () => Promise<void>): Promise<void> {
    await this.#rows('BEGIN');
    try {
      await work();
      await this.#rows('COMMIT');
    } catch (error) {
      await this.#client.query('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }

  async #rows<Row extends pg.QueryResultRow>(sql: string): Promise<Row[]> {
    return this.#translated(async () => (await this.#client.query<Row>(sql)).rows);
  }

  async #translated<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.#meaningOf(error);
    }
  }

  /** Returns an error of ours for one of PostgreSQL, and any other unchanged. */
  #meaningOf(error: unknown): unknown {
    const isLost =
      error instanceof Error && ('syscall' in error || /connection|timeout|Client has/i.test(error.message));
    if (!(error instanceof pg.DatabaseError) && !isLost) return error;
    const code = error instanceof pg.DatabaseError ? error.code : undefined;
    const remedy =
      remedies[code ?? ''] ??
      (code === undefined
        ? 'is it running, and may this machine connect? The export resumes when it is run again'
        : undefined);
    const said = `PostgreSQL at ${this.#at} ${code === undefined ? 'does not respond' : `returned ${code}`}: ${foreignText(error.message)}`;
    return new TargetFailedError(remedy === undefined ? said : `${said}; ${remedy}`, { cause: error });
  }
}

const DEPENDENT_OBJECTS = '2BP01';

const DEPENDENT =
  'its columns have changed, and your views depend on the table: drop them, run the export again, and recreate them';

const remedies: Readonly<Record<string, string>> = {
  '28P01': 'check the user, and the password in the address or PGPASSWORD',
  '28000': 'check the user, the database and pg_hba.conf',
  '3D000': 'create the database first',
  '42501': 'the user needs CREATE on the database, and must own the schema chartmogul',
  '53100': 'the disk of the server is full: free some space, then run the export again; it resumes',
  '55P03': 'end the transactions that read the tables, then run the export again; it resumes',
  '57P01': 'the server was shut down: start it, then run the export again; it resumes',
  // Only rows of a table that cannot be dropped are inserted into columns that it may lack.
  '42703': DEPENDENT,
  '42804': DEPENDENT,
  '2BP01': DEPENDENT,
};
