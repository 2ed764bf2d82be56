import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { ClickHouseError } from '@clickhouse/client';
import { isPassing, qualified, quoted, type ClickHouseClient } from '../../core/clickhouse/client.ts';
import type { ClickHouseSettings } from '../../core/settings/config.ts';
import { ByteWriter } from '../../core/avro/byte-writer.ts';
import { foreignText } from '../../core/http/foreign-text.ts';
import { columnTypeSql } from '../column/column-type.ts';
import { systemColumns } from './stored-columns.ts';
import { insertComment } from './table-checkpoint.ts';
import { identityColumnOf } from './table-ddl.ts';
import type { TableColumn } from './table-shape.ts';

/**
 * `inserted`: acknowledged. `refused`: ClickHouse does not take them; nothing was inserted. It is a row's fault, or, with `isOfTable`, that
 * of a table or of what hangs on it, such as one that was changed meanwhile. `reason` names code and kind, never what ClickHouse quotes of
 * the rows. `half-inserted`: a materialized view failed, and the table may have the rows all the same.
 */
export type InsertOutcome =
  | { readonly kind: 'inserted' }
  | { readonly kind: 'refused'; readonly reason: string; readonly isOfTable?: true }
  | { readonly kind: 'half-inserted'; readonly reason: string; readonly view: string };

/** Where rows stand in their topic: messages from `first` to `last`, of times between these. */
export interface RowRange {
  /** Of the topic: see `_topic_id`. One that was made again may have the same offsets and times. */
  readonly topicId: bigint;
  readonly partition: number;
  readonly first: number;
  readonly last: number;
  readonly minTimeMs: number;
  readonly maxTimeMs: number;
}

/** Rows for one insert. */
export class InsertedRows {
  /** Hold every row, and no other one that the table may have; empty where nobody would take the rows back. */
  readonly ranges: readonly RowRange[];
  /** Nobody but another sink would insert rows of later messages of their partitions. */
  readonly areLast: boolean;
  readonly #columns: readonly TableColumn[];
  readonly #rows: Buffer;
  readonly #token: string;

  /** @param rows in RowBinary: the columns given, then the system columns. @param token must never be used for other rows. */
  constructor(
    columns: readonly TableColumn[],
    rows: Buffer,
    token: string,
    ranges: readonly RowRange[] = [],
    areLast = false,
  ) {
    this.#columns = columns;
    this.#rows = rows;
    this.#token = token;
    this.ranges = ranges;
    this.areLast = areLast;
  }

  /**
   * One request, one block.
   *
   * @param identity of the table: another under its name refuses the rows.
   * @param takenBack how often the table has had the rows, and has no more: the server remembers a token all the same.
   * @throws what the client throws, unless the rows, the table or a view of it are to blame.
   */
  async insertInto(
    client: ClickHouseClient,
    { database, cluster }: ClickHouseSettings,
    table: string,
    identity: string,
    takenBack = 0,
  ): Promise<InsertOutcome> {
    const own = quoted(identityColumnOf(identity));
    try {
      const { stream } = await client.exec({
        // Not each column by name: what is in the address has to be short. The last one has no values: ClickHouse fills in what the header
        // of the rows lacks. With types: rows made for other columns than the table has by now are refused, not misread.
        query: `INSERT INTO ${qualified(database, table)} (* EXCEPT (${own}), ${own}) FORMAT RowBinaryWithNamesAndTypes`,
        values: Readable.from([this.#header(), this.#rows], { objectMode: false, highWaterMark: 1 }),
        clickhouse_settings: {
          ...insertSettings,
          ...(cluster !== undefined && { distributed_foreground_insert: 1 }),
          insert_deduplication_token: takenBack === 0 ? this.#token : `${this.#token} ${takenBack}`,
          log_comment: insertComment(database, table),
        },
      });
      stream.resume();
      await finished(stream);
      return { kind: 'inserted' };
    } catch (error) {
      if (!(error instanceof ClickHouseError)) throw error;
      const reason = `code ${error.code} (${error.type ?? 'no name'}${constraintIn(error)})`;
      const view = viewIn(error);
      if (view !== undefined && !isPassing(error)) return { kind: 'half-inserted', reason, view };
      // Its message quotes names, no rows.
      if (tableCodes.has(error.code))
        return { kind: 'refused', reason: `${reason}: ${foreignText(error.message)}`, isOfTable: true };
      if (rowCodes.has(error.code)) return { kind: 'refused', reason };
      throw error;
    }
  }

  #named(): (readonly [name: string, type: string])[] {
    return [
      ...this.#columns.map(({ name, typeText }) => [name, typeText] as const),
      ...systemColumns.map(({ name, type }) => [name, columnTypeSql(type)] as const),
    ];
  }

  #header(): Buffer {
    const named = this.#named();
    const out = new ByteWriter();
    out.varint(named.length);
    for (const text of [...named.map(([name]) => name), ...named.map(([, type]) => type)]) {
      const bytes = Buffer.from(text);
      out.sizedBytes(bytes, 0, bytes.length);
    }
    return out.view();
  }
}

/** What every insert asks of the server, whose defaults have changed between versions. */
const insertSettings = {
  async_insert: 0,
  insert_deduplicate: 1,
  deduplicate_blocks_in_dependent_materialized_views: 1,
  input_format_skip_unknown_fields: 0,
  input_format_with_names_use_header: 1,
  // Every message is a row until merges: a tenth less work, and what was inserted can be counted.
  optimize_on_insert: 0,
  // One block, hence one part, hence all or nothing: larger than any batch.
  max_insert_block_size: '10000000',
  min_insert_block_size_rows: '10000000',
  min_insert_block_size_bytes: '10000000000',
  // A batch may have more of them than the hundred that are usual: of a table that its owner has partitioned by day.
  max_partitions_per_insert_block: '0',
  materialized_views_ignore_errors: 0,
  input_format_defaults_for_omitted_fields: 1,
} as const;

/** The name of a constraint that was violated: of all that the server says, no part of a row. */
function constraintIn({ code, message }: ClickHouseError): string {
  const name =
    code === VIOLATED_CONSTRAINT
      ? /^(?:Code: \d+\. DB::Exception: )?Constraint `([^`]+)`/.exec(message)?.[1]
      : undefined;
  return name === undefined ? '' : `: ${name}`;
}

/**
 * The materialized view that an insert failed in, with those that it is behind: the server adds its name at the end of the message, last the
 * one that hangs on the table.
 */
export function viewIn({ message }: Pick<ClickHouseError, 'message'>): string | undefined {
  const [pushing] = /(?:: while pushing to view [^:]+?)+(?=\.?\s*(?:\([A-Z_\d]+\)|$))/.exec(message) ?? [];
  return pushing?.split(': while pushing to view ').slice(1).join(' behind ');
}

const VIOLATED_CONSTRAINT = '469';

/** Errors that a row can be the cause of. */
const rowCodes = new Set([
  ...['6', '26', '27', '33', '38', '41', '53', '69', '70', '72', '117', '128', '131', '153', '190', '321'],
  // CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN, CANNOT_PARSE_UUID, FUNCTION_THROW_IF_VALUE_IS_NON_ZERO, DECIMAL_OVERFLOW
  ...['349', '376', '395', '407'],
  // CANNOT_PARSE_DOMAIN_VALUE_FROM_STRING, CANNOT_PARSE_BOOL, VIOLATED_CONSTRAINT, UNKNOWN_ELEMENT_OF_ENUM
  ...['441', '467', '469', '691'],
]);

/** Errors that a table can be the cause of which was changed, dropped or made again by somebody else. */
const tableCodes = new Set([
  // NOT_FOUND_COLUMN_IN_BLOCK, NO_SUCH_COLUMN_IN_TABLE, NUMBER_OF_COLUMNS_DOESNT_MATCH, UNKNOWN_IDENTIFIER
  ...['10', '16', '20', '47'],
  // UNKNOWN_TABLE, UNKNOWN_DATABASE, TABLE_IS_DROPPED
  ...['60', '81', '218'],
]);
