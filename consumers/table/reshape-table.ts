import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { isSystemColumnName } from '../../core/avro/schema.ts';
import { isClickHouseCode } from '../../core/clickhouse/client.ts';
import type { Database } from '../../core/clickhouse/database.ts';
import { IncompatibleSchemaError } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import type { DeclaredFields } from '../schema/declared-fields.ts';
import type { WriterSchema } from '../schema/writer-type.ts';
import { evolutionActions } from './evolution.ts';
import { fieldColumns, sortingKey } from './stored-columns.ts';
import { alterTableSql, createTableSql, identitySql, localTableOf, runDefinition } from './table-ddl.ts';
import { readTableShape, type TableShape } from './table-shape.ts';

/**
 * Maximum number of attempts while other sinks change the table first, or the server does not show
 * the new columns yet.
 */
const MAX_ROUNDS = 30;

/** Error codes of a compare-and-set that lost the race: see `alterTableSql`. */
const ILLEGAL_COLUMN = '44';
const BAD_ARGUMENTS = '36';

/** Error codes of a change that is prevented by a partition key or TTL that the user added. */
const ALTER_OF_COLUMN_IS_FORBIDDEN = '524';
const BAD_TTL_EXPRESSION = '450';

/** The table to change. */
export interface ReshapeOptions {
  readonly database: Database;
  readonly stream: string;
  readonly table: string;
  readonly onChange: () => void;
  /** Pause before the next attempt. */
  readonly roundMs: number;
}

/** The shape that the table should have. */
export interface WantedShape {
  /** Returns the statements that create the table. */
  create(identity: string): readonly string[];
  /**
   * Returns the actions of the ALTER TABLE that turns this shape into the wanted one; none if it
   * fits. @throws IncompatibleSchemaError
   */
  actions(shape: TableShape): readonly string[];
  /** The remedy if the table cannot be altered. */
  readonly remedy: string;
}

interface Coverage {
  readonly schema: WriterSchema;
  /** Whether the topic has a later schema: see `evolutionActions`. */
  readonly isOlder: boolean;
  /** The fields that the topic's schemas declare: see `evolutionActions`. */
  readonly declared: DeclaredFields;
}

/** Creates or widens a storage table for a schema: see {@link reshape}. */
export function reshapeTable(options: ReshapeOptions, coverage: Coverage): Promise<TableShape> {
  const { database, stream, table } = options;
  const { schema } = coverage;
  return reshape(options, {
    create: (identity) => {
      if (fieldColumns(schema).length === 0) throw noColumns(stream, table);
      return createTableSql(table, schema, identity, database.settings);
    },
    actions: (shape) => actionsFor(options, coverage, shape),
    remedy: `npm run replay -- --streams ${stream}`,
  });
}

/**
 * Creates or widens a table until the server shows the wanted shape.
 * @throws IncompatibleSchemaError
 */
export async function reshape(options: ReshapeOptions, wanted: WantedShape): Promise<TableShape> {
  const { database, table, onChange, roundMs } = options;
  const doing = `change ${database.name}.${table}`;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    if (round > 0 && roundMs > 0) await delay(roundMs, undefined, { signal: database.signal });
    const shape = await readLocalShape(database, table);
    if (shape === undefined) {
      for (const statement of wanted.create(newIdentity())) await runDefinition(database, doing, statement);
      logger.info({ table }, 'table created');
      onChange();
      continue;
    }
    const actions = wanted.actions(shape);
    if (actions.length === 0) return shape;
    if (await alter(options, doing, actions, shape, wanted.remedy)) {
      logger.info({ table, actions: actions.length }, 'table widened');
      onChange();
    }
  }
  throw new IncompatibleSchemaError(
    `table ${table} still lacks the columns that were added to it: check that no other program drops them, then start the sink again`,
  );
}

export function readLocalShape(database: Database, table: string): Promise<TableShape | undefined> {
  return readTableShape(database, localTableOf(table, database.settings));
}

/**
 * Adds the table's sorting key as the primary key to a schema without one, if the schema has these
 * fields.
 */
export function keyed(schema: WriterSchema, { sortingKey: key }: TableShape): WriterSchema {
  if (schema.primaryKey !== undefined || key.length === 0) return schema;
  const hasAll = key.every((name) => schema.fields.some((field) => field.name === name));
  return hasAll ? { ...schema, primaryKey: key } : schema;
}

export function noColumns(stream: string, table: string): IncompatibleSchemaError {
  return new IncompatibleSchemaError(
    `the schema of stream ${stream} has no field that a column could hold, so table ${table} would have no columns: register a version with at least one such field`,
  );
}

function newIdentity(): string {
  return randomBytes(4).toString('hex');
}

function actionsFor(
  { stream, table }: ReshapeOptions,
  { schema, isOlder, declared }: Coverage,
  shape: TableShape,
): string[] {
  const replay = `npm run replay -- --streams ${stream}`;
  const actions = evolve();
  if (shape.identity === undefined) actions.push(`ADD COLUMN ${identitySql(newIdentity())}`);
  if (!isOlder) checkTable(table, schema, shape, `${replay} recreates it`);
  checkKey(table, schema, shape);
  return actions;

  function evolve(): string[] {
    try {
      return evolutionActions(table, shape, keyed(schema, shape), isOlder, declared);
    } catch (error) {
      if (!(error instanceof IncompatibleSchemaError)) throw error;
      throw new IncompatibleSchemaError(
        `${error.message}: run ${replay} if the whole topic fits the new type; otherwise rename the column`,
      );
    }
  }
}

/** Rejects a table that would show old versions of rows, or that is sorted by another key. */
function checkTable(
  table: string,
  schema: WriterSchema,
  { keepsLatest, sortingKey: key }: TableShape,
  remedy: string,
): void {
  if (!keepsLatest)
    throw new IncompatibleSchemaError(
      `table ${table} is not a ReplacingMergeTree(_version, _deleted), so it would show old versions of rows: ${remedy}`,
    );
  const expected = schema.primaryKey === undefined ? key : sortingKey(schema);
  if (!isDeepStrictEqual(expected, key))
    throw new IncompatibleSchemaError(
      `table ${table} is sorted by (${key.join(', ')}), but the topic's schema has the primary key (${expected.join(', ')}): ${remedy}`,
    );
}

/** Rejects a schema that lacks a key column: all its messages would be versions of one row. */
function checkKey(table: string, schema: WriterSchema, { columns, sortingKey: key }: TableShape): void {
  const lacking = key.find(
    (name) =>
      !isSystemColumnName(name) &&
      columns.some((column) => column.name === name) &&
      !schema.fields.some((field) => field.name === name),
  );
  if (lacking !== undefined)
    throw new IncompatibleSchemaError(
      `table ${table} is sorted by ${lacking}, which a schema of the topic lacks, so its messages would all be one row: rename the table, or add the field to the schema`,
    );
}

/**
 * Raises the version of a table without changing its columns. If another client raises it at the
 * same time, that is enough.
 * @throws ServiceRefusedError, ServiceUnavailableError
 */
export async function raiseVersion(database: Database, table: string): Promise<void> {
  const shape = await readLocalShape(database, table);
  if (shape !== undefined) await alter({ database, table }, `version of ${table}`, [], shape, '');
}

/** Returns false if another sink changed the table first. */
async function alter(
  { database, table }: Pick<ReshapeOptions, 'database' | 'table'>,
  doing: string,
  actions: readonly string[],
  { version }: TableShape,
  remedy: string,
): Promise<boolean> {
  try {
    for (const statement of alterTableSql(table, actions, version, database.settings))
      await runDefinition(database, doing, statement);
    return true;
  } catch (error) {
    if (isClickHouseCode(error, BAD_ARGUMENTS) || isClickHouseCode(error, ILLEGAL_COLUMN)) {
      if ((await readLocalShape(database, table))?.version !== version) return false;
    }
    if (isClickHouseCode(error, ALTER_OF_COLUMN_IS_FORBIDDEN) || isClickHouseCode(error, BAD_TTL_EXPRESSION))
      throw new IncompatibleSchemaError(
        `table ${table} has a partition key or a TTL over a column that must change for a schema of the topic ` +
          `(${actions.join(', ').slice(0, 300)}): remove that column from it, or ${remedy}`,
        { cause: error },
      );
    throw error;
  }
}
