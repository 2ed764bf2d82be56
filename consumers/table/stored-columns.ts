import { systemColumnNames, type SystemColumnName } from '../../core/avro/schema.ts';
import { literal, quoted } from '../../core/clickhouse/client.ts';
import { columnCommentOf, columnTypeOf, keyColumnTypeOf } from '../column/column-type-of.ts';
import type { Column } from '../column/column-type.ts';
import { parseColumnType } from '../column/parse-column-type.ts';
import type { WriterSchema } from '../schema/writer-type.ts';

const definitions: Readonly<Record<SystemColumnName, readonly [type: string, comment: string]>> = {
  _version: [
    'UInt128',
    'Message time in ms × 2^64 + offset; the latest row of a key has the highest version',
  ],
  _deleted: ['UInt8', '1 if the message is a delete'],
  _partition: ['Int32', 'Partition of the message'],
  _offset: ['Int64', 'Offset of the message'],
  _timestamp: ["DateTime64(3, 'UTC')", 'Kafka timestamp of the message'],
  _schema_id: ['Int32', 'Id of the message schema in the registry; 0 for a delete'],
  _topic_id: [
    'UInt64',
    'First 8 bytes of the topic id, which changes if the topic is recreated; 0 if unknown',
  ],
};

export interface CommentedColumn extends Column {
  readonly comment: string;
  /** Value in existing rows, as SQL. Empty or absent for the default of the type. */
  readonly value?: string | undefined;
}

/**
 * The columns that every storage table has besides the stream's own columns, in the order in which
 * rows contain them.
 */
export const systemColumns: readonly CommentedColumn[] = systemColumnNames.map((name) => {
  const [text, comment] = definitions[name];
  const type = parseColumnType(text);
  if (type === undefined) throw new Error(`unknown type ${text}`);
  return { name, type, comment };
});

/**
 * Returns the columns of a stream's fields.
 * @throws IncompatibleSchemaError for an unsupported key type.
 */
export function fieldColumns(schema: WriterSchema): CommentedColumn[] {
  return schema.fields.flatMap((field) => {
    const { name } = field;
    const isKey = schema.primaryKey?.includes(name) ?? false;
    const type = isKey ? keyColumnTypeOf(field.type, `field ${name}`) : columnTypeOf(field.type);
    return type === undefined ? [] : [{ name, type, comment: columnCommentOf(field) }];
  });
}

/** Returns the sorting key. Without a primary key, each message is a separate row. */
export function sortingKey({ primaryKey }: WriterSchema): readonly string[] {
  return primaryKey === undefined || primaryKey.length === 0 ? ['_partition', '_offset'] : primaryKey;
}

export function columnSql({ name, type, comment, value = '' }: CommentedColumn): string {
  const otherwise = value === '' ? '' : ` DEFAULT ${value}`;
  return `${quoted(name)} ${type.text}${otherwise}${comment === '' ? '' : ` COMMENT ${literal(comment)}`}`;
}
