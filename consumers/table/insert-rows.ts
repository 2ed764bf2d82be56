import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { ClickHouseError } from '@clickhouse/client';
import { ByteWriter } from '../../core/avro/byte-writer.ts';
import { isPassing, qualified, quoted } from '../../core/clickhouse/client.ts';
import type { Database } from '../../core/clickhouse/database.ts';
import { foreignText } from '../../core/http/foreign-text.ts';
import { systemColumns } from './stored-columns.ts';
import { insertComment } from './table-checkpoint.ts';
import { identityColumnOf } from './table-ddl.ts';
import type { TableColumn } from './table-shape.ts';

/**
 * The outcome of an insert.
 *
 * - `inserted`: ClickHouse acknowledged it.
 * - `refused`: nothing was inserted. The fault lies with a row or, with `isOfTable`, with the table
 *   or an object on it, for example after it was changed. `reason` contains the code and name of
 *   the error, but never text in which ClickHouse quotes rows.
 * - `half-inserted`: a materialized view failed, and the table may have the rows.
 */
export type InsertOutcome =
  | { readonly kind: 'inserted' }
  | {
      readonly kind: 'refused';
      readonly reason: string;
      readonly isOfTable?: true;
      /** The constraint that a row violates. */
      readonly constraint?: string;
    }
  | { readonly kind: 'half-inserted'; readonly reason: string; readonly failed: readonly string[] };

/**
 * A range of messages that became rows: offsets `first` to `last`, with times from `minTimeMs` to
 * `maxTimeMs`.
 */
export interface RowRange {
  /** See `_topic_id`: a recreated topic may have the same offsets and times. */
  readonly topicId: bigint;
  readonly partition: number;
  readonly first: number;
  readonly last: number;
  readonly minTimeMs: number;
  readonly maxTimeMs: number;
}

export interface InsertedRows {
  readonly columns: readonly TableColumn[];
  /** The rows in RowBinary: the columns above, then the system columns. */
  readonly rows: Buffer;
  /** The deduplication token, which is never used for other rows. */
  readonly token: string;
  /** The ranges of exactly these rows. Empty if the rows must never be deleted after a failure. */
  readonly ranges: readonly RowRange[];
  /** Whether only another sink would insert rows of later messages of the same partitions. */
  readonly areLast?: boolean;
}

/**
 * Sends rows once, in one request, as one block. The caller retries.
 * @param identity of the table: a table that has replaced it rejects the rows.
 * @param deletions how often the rows have been deleted. Each time requires a new token, because
 *   the server remembers the tokens of deleted rows.
 * @throws the errors of the client, unless the rows, the table or a view on it are at fault.
 */
export async function insertRows(
  { columns, rows, token }: Pick<InsertedRows, 'columns' | 'rows' | 'token'>,
  database: Database,
  table: string,
  identity: string,
  deletions = 0,
): Promise<InsertOutcome> {
  const own = quoted(identityColumnOf(identity));
  const { cluster } = database.settings;
  try {
    const { stream } = await database.client.exec({
      // The query does not name the columns, since it is part of the URL. ClickHouse fills the last
      // column, which the header of the rows lacks. The header contains types, so that the server
      // rejects rows that were built for other columns instead of misreading them.
      query: `INSERT INTO ${qualified(database.name, table)} (* EXCEPT (${own}), ${own}) FORMAT RowBinaryWithNamesAndTypes`,
      values: Readable.from([headerOf(columns), rows], { objectMode: false, highWaterMark: 1 }),
      clickhouse_settings: {
        ...insertSettings,
        ...(cluster !== undefined && { distributed_foreground_insert: 1 }),
        insert_deduplication_token: deletions === 0 ? token : `${token} ${deletions}`,
        log_comment: insertComment(database.name, table),
      },
    });
    stream.resume();
    await finished(stream);
    return { kind: 'inserted' };
  } catch (error) {
    if (!(error instanceof ClickHouseError)) throw error;
    const constraint = constraintIn(error);
    const violated = constraint === undefined ? '' : `: ${constraint}`;
    const reason = `code ${error.code} (${error.type ?? 'no name'}${violated})`;
    const failed = failedViews(error);
    if (failed.length > 0 && !isPassing(error)) return { kind: 'half-inserted', reason, failed };
    // The message may quote names, but never rows.
    if (tableCodes.has(error.code))
      return { kind: 'refused', reason: `${reason}: ${foreignText(error.message)}`, isOfTable: true };
    if (rowCodes.has(error.code))
      return { kind: 'refused', reason, ...(constraint !== undefined && { constraint }) };
    throw error;
  }
}

/** Returns the names and types that precede the rows. */
function headerOf(columns: readonly TableColumn[]): Buffer {
  const names = [...columns, ...systemColumns].map(({ name }) => name);
  const types = [...columns.map(({ typeText }) => typeText), ...systemColumns.map(({ type }) => type.text)];
  const out = new ByteWriter();
  out.varint(names.length);
  for (const text of [...names, ...types]) {
    const bytes = Buffer.from(text);
    out.sizedBytes(bytes, 0, bytes.length);
  }
  return out.view();
}

/** Settings of every insert. The server's defaults have changed between versions. */
const insertSettings = {
  async_insert: 0,
  insert_deduplicate: 1,
  deduplicate_blocks_in_dependent_materialized_views: 1,
  input_format_skip_unknown_fields: 0,
  input_format_with_names_use_header: 1,
  // Each message stays a row until parts are merged. This saves a tenth of the work and makes it
  // possible to count inserted rows.
  optimize_on_insert: 0,
  // One block becomes one part, so the insert is all or nothing. Larger than any batch.
  max_insert_block_size: '10000000',
  min_insert_block_size_rows: '10000000',
  min_insert_block_size_bytes: '10000000000',
  // The default limit is 100. A batch may span more if the user has partitioned the table by day.
  max_partitions_per_insert_block: '0',
  materialized_views_ignore_errors: 0,
  input_format_defaults_for_omitted_fields: 1,
} as const;

/** Returns the name of the violated constraint. The other parts of the message may quote a row. */
function constraintIn({ code, message }: ClickHouseError): string | undefined {
  if (code !== VIOLATED_CONSTRAINT) return undefined;
  return /^(?:Code: \d+\. DB::Exception: )?Constraint `([^`]+)`/.exec(message)?.[1];
}

/** Returns the materialized view that failed, then those that feed it; empty if none failed. */
export function failedViews({ message }: Pick<ClickHouseError, 'message'>): readonly string[] {
  const [pushing] = /(?:: while pushing to view [^:]+?)+(?=\.?\s*(?:\([A-Z_\d]+\)|$))/.exec(message) ?? [];
  return pushing?.split(': while pushing to view ').slice(1) ?? [];
}

const VIOLATED_CONSTRAINT = '469';

/** Errors that a row can cause. */
const rowCodes = new Set([
  ...['6', '26', '27', '33', '38', '41', '53', '69', '70', '72', '117', '128', '131', '153', '190', '321'],
  // CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN, CANNOT_PARSE_UUID, FUNCTION_THROW_IF_VALUE_IS_NON_ZERO,
  // DECIMAL_OVERFLOW
  ...['349', '376', '395', '407'],
  // CANNOT_PARSE_DOMAIN_VALUE_FROM_STRING, CANNOT_PARSE_BOOL, VIOLATED_CONSTRAINT,
  // UNKNOWN_ELEMENT_OF_ENUM
  ...['441', '467', '469', '691'],
]);

/** Errors of a table that was changed, dropped or recreated. */
const tableCodes = new Set([
  // NOT_FOUND_COLUMN_IN_BLOCK, NO_SUCH_COLUMN_IN_TABLE, NUMBER_OF_COLUMNS_DOESNT_MATCH,
  // UNKNOWN_IDENTIFIER
  ...['10', '16', '20', '47'],
  // UNKNOWN_TABLE, UNKNOWN_DATABASE, TABLE_IS_DROPPED
  ...['60', '81', '218'],
]);
