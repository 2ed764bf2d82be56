import { systemColumnNames, type StreamSchema, type SystemColumnName } from '../../core/avro/schema.ts';
import { literal, quoted } from '../../core/clickhouse.ts';
import { IncompatibleSchemaError } from '../../core/errors.ts';
import { columnTypeOf, columnTypeSql, widened, type Column, type ScalarName } from './column-type.ts';

const systemColumnDefinitions: Readonly<
  Record<SystemColumnName, readonly [type: ScalarName, comment: string]>
> = {
  _version: ['UInt128', 'Message time in ms × 2^64 + offset: of the rows of a key the highest is the latest'],
  _deleted: ['UInt8', '1 for a row that stands for a delete'],
  _partition: ['Int32', 'Partition of the message'],
  _offset: ['Int64', 'Offset of the message'],
  _timestamp: ["DateTime64(3, 'UTC')", 'Time at which Kafka took the message'],
  _schema_id: ['Int32', 'Id of its schema in the registry; 0 for a delete'],
};

interface CommentedColumn extends Column {
  readonly comment: string;
}

/** What every storage table carries beside the stream's own columns, in this order at the end of each row. */
export const systemColumns: readonly CommentedColumn[] = systemColumnNames.map((name) => {
  const [type, comment] = systemColumnDefinitions[name];
  return { name, type: { kind: 'scalar', name: type, isNullable: false }, comment };
});

/** The columns of a stream's own fields. */
export function fieldColumns(schema: StreamSchema): CommentedColumn[] {
  return schema.fields.map(({ name, type, doc = '' }) => ({ name, type: columnTypeOf(type), comment: doc }));
}

/** The inside of `CREATE TABLE … ( … ) ENGINE …` for a schema. */
export function storageTableSql(schema: StreamSchema): string {
  const columns = [...fieldColumns(schema), ...systemColumns].map(columnSql);
  return (
    `(\n  ${columns.join(',\n  ')}\n)\n` +
    `ENGINE = ReplacingMergeTree(_version, _deleted)\n` +
    `ORDER BY (${schema.primaryKey.map(quoted).join(', ')})\n` +
    // Without a window ClickHouse ignores deduplication tokens in silence.
    `SETTINGS non_replicated_deduplication_window = 1000\n` +
    `COMMENT ${literal(schema.doc ?? '')}`
  );
}

/**
 * The actions of one ALTER TABLE after which the table holds every value of the schema; none if it does already.
 * Pure. Nothing is narrowed, retyped or dropped.
 *
 * @throws IncompatibleSchemaError naming table, column and both types.
 */
export function evolutionActions(table: string, have: readonly Column[], schema: StreamSchema): string[] {
  return fieldColumns(schema).flatMap((wanted) => {
    const column = have.find(({ name }) => name === wanted.name);
    if (column === undefined) return [`ADD COLUMN IF NOT EXISTS ${columnSql(wanted)}`];
    const where = `column ${table}.${wanted.name}`;
    const type = columnTypeSql(widened(column.type, wanted.type, where));
    if (type === columnTypeSql(column.type)) return [];
    if (schema.primaryKey.includes(wanted.name)) {
      throw new IncompatibleSchemaError(`${where} is in the sorting key and cannot become ${type}`);
    }
    return [`MODIFY COLUMN ${quoted(wanted.name)} ${type}`];
  });
}

function columnSql({ name, type, comment }: CommentedColumn): string {
  return `${quoted(name)} ${columnTypeSql(type)}${comment === '' ? '' : ` COMMENT ${literal(comment)}`}`;
}
