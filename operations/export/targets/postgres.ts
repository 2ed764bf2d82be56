import { pipeline } from 'node:stream/promises';
import type { Readable } from 'node:stream';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { TargetFailedError } from '../../../core/errors.ts';
import { foreignText } from '../../../core/http/foreign-text.ts';
import { exportedTypeOf } from '../exported-type.ts';
import {
  manifestText,
  mergedManifest,
  parseManifest,
  type ExportedFile,
  type Manifest,
} from '../manifest.ts';
import { passwordFromFile } from './password-file.ts';
import { DEPENDENT_OBJECTS, postgresError } from './postgres-error.ts';
import { pgName, pgText, pgType } from './postgres-names.ts';
import { publishedSql, type PublishStep } from './postgres-publish.ts';
import type { NewFile, Target } from './target.ts';

export const SCHEMA = 'chartmogul';
export const STAGING = 'chartmogul_staging';
/** The table with the manifest, in both schemas. */
export const MANIFEST_TABLE = '_export';

const CONNECT_MS = 15_000;
/** The id of the role that runs the export, as SQL. */
const OWN_ROLE = '(SELECT oid FROM pg_roles WHERE rolname = current_user)';

/** How long the open transaction of a reader may delay the export. */
const LOCK_WAIT = '60s';

export interface PostgresConnection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  /** If undefined, the password file is read when the server asks for a password. */
  readonly password: string | undefined;
  /**
   * False without TLS; otherwise the certificate is verified, against a private CA if one is given.
   */
  readonly tls: false | { readonly ca: string | undefined };
}

/** A schema of a PostgreSQL database with a table per view. */
export class PostgresTarget implements Target {
  readonly form = 'postgres';
  readonly mergesChanges = true;
  readonly #client: pg.Client;
  readonly #at: string;
  readonly #signal: AbortSignal;

  private constructor(client: pg.Client, at: string, signal: AbortSignal) {
    this.#client = client;
    this.#at = at;
    this.#signal = signal;
  }

  /**
   * Connects.
   * @throws TargetFailedError if the connection fails, if another export is writing to the same
   *   database, or if another role owns one of the schemas.
   */
  static async open(
    { host, port, tls, ...account }: PostgresConnection,
    signal: AbortSignal,
  ): Promise<PostgresTarget> {
    const at = `${host}:${port}/${account.database}`;
    const client = new pg.Client({
      host,
      port,
      ...account,
      password: account.password ?? (() => passwordFromFile({ host, port, ...account })),
      ssl: tls === false ? false : { rejectUnauthorized: true, ...(tls.ca !== undefined && { ca: tls.ca }) },
      connectionTimeoutMillis: CONNECT_MS,
      keepAlive: true,
      application_name: 'chartmogul-clickhouse export',
      // Timestamps are sent without a zone. The search path excludes functions of other users.
      options: `-c TimeZone=UTC -c client_encoding=UTF8 -c DateStyle=ISO,YMD -c standard_conforming_strings=on -c search_path=pg_catalog -c lock_timeout=${LOCK_WAIT}`,
    });
    // Without a listener, a lost connection would end the process. The next query reports it.
    client.on('error', () => undefined);
    const target = new PostgresTarget(client, at, signal);
    await target.#translated(() => client.connect());
    try {
      const [lock] = await target.#rows<{ free: boolean }>(
        `SELECT pg_try_advisory_lock(hashtext('${SCHEMA}'), hashtext('export')) AS free`,
      );
      if (lock?.free !== true)
        throw new TargetFailedError(`another export is writing to PostgreSQL at ${at}: wait until it ends`);
      for (const schema of [SCHEMA, STAGING]) await target.#refuseForeignSchema(schema);
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
    await this.#createSchema(STAGING);
  }

  async discard(): Promise<void> {
    await this.#rows(`DROP SCHEMA IF EXISTS ${STAGING} CASCADE`);
  }

  async write({ name, columns }: NewFile, bytes: Readable, signal: AbortSignal): Promise<void> {
    const table = `${STAGING}.${pgName(name)}`;
    const list = columns.map((column) => `${pgName(column.name)} ${pgType(exportedTypeOf(column.type))}`);
    await this.#createSchema(STAGING);
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
    await this.#createSchema(STAGING);
    await this.#inTransaction(async () => {
      await this.#createSchema(SCHEMA);
      for (const view of manifest.views) {
        // Triggers and rules of another user's table would run with the privileges of this user.
        await this.#exists(SCHEMA, view.name);
        for (const step of publishedSql(view)) await this.#run(step);
      }
      await this.#saveManifest(SCHEMA, mergedManifest(manifest, earlier));
      await this.#rows(`DROP SCHEMA ${STAGING} CASCADE`);
    });
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => undefined);
  }

  /**
   * Runs a statement, or its alternative if objects of a user depend on the object that it drops.
   */
  async #run({ sql, otherwise }: PublishStep): Promise<void> {
    if (otherwise === undefined) {
      await this.#rows(sql);
      return;
    }
    await this.#rows('SAVEPOINT step');
    try {
      await this.#rows(sql);
    } catch (error) {
      if (codeOf(error) !== DEPENDENT_OBJECTS) throw error;
      await this.#rows('ROLLBACK TO SAVEPOINT step');
      for (const statement of otherwise) await this.#rows(statement);
    }
  }

  async #createSchema(schema: string): Promise<void> {
    await this.#rows(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
    await this.#refuseForeignSchema(schema);
  }

  /**
   * Refuses a schema of another owner, who could add functions that run with this user's
   * privileges.
   */
  async #refuseForeignSchema(schema: string): Promise<void> {
    const [found] = await this.#rows<{ owner: string }>(
      `SELECT pg_get_userbyid(nspowner) AS owner FROM pg_namespace WHERE nspname = ${pgText(schema)} AND nspowner <> ${OWN_ROLE}`,
    );
    if (found !== undefined)
      throw new TargetFailedError(
        `schema ${schema} of PostgreSQL at ${this.#at} belongs to the role ${foreignText(found.owner)}: drop it, or ALTER SCHEMA ${schema} OWNER TO this user`,
      );
  }

  /**
   * Returns whether the table exists.
   * @throws TargetFailedError if anything other than a table of this user has the name.
   */
  async #exists(schema: string, table: string): Promise<boolean> {
    const name = `${schema}.${pgName(table)}`;
    const [row] = await this.#rows<{ own: boolean }>(
      `SELECT relkind = 'r' AND relowner = ${OWN_ROLE} AS own FROM pg_class WHERE oid = to_regclass(${pgText(name)})`,
    );
    if (row?.own === false)
      throw new TargetFailedError(
        `${name} in PostgreSQL at ${this.#at} is not a table of this user: drop or rename it`,
      );
    return row !== undefined;
  }

  async #readManifest(schema: string): Promise<Manifest | undefined> {
    if (!(await this.#exists(schema, MANIFEST_TABLE))) return undefined;
    const [row] = await this.#rows<{ manifest: string }>(`SELECT manifest FROM ${schema}.${MANIFEST_TABLE}`);
    return parseManifest(row?.manifest);
  }

  async #saveManifest(schema: string, manifest: Manifest): Promise<void> {
    const table = `${schema}.${MANIFEST_TABLE}`;
    await this.#rows(`CREATE TABLE IF NOT EXISTS ${table} (manifest text NOT NULL)`);
    // A single statement, so a kill leaves either the old manifest or the new one.
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
    this.#signal.throwIfAborted();
    // Closes the connection even while a statement is running. The server then rolls back.
    const onAbort = () => void this.#client.end().catch(() => undefined);
    this.#signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await work();
    } catch (error) {
      this.#signal.throwIfAborted();
      throw postgresError(error, this.#at);
    } finally {
      this.#signal.removeEventListener('abort', onAbort);
    }
  }
}

/** Returns the code of the PostgreSQL error behind a failure. */
function codeOf(error: unknown): string | undefined {
  const cause = error instanceof TargetFailedError ? error.cause : undefined;
  return cause instanceof pg.DatabaseError ? cause.code : undefined;
}
