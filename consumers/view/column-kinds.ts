import { quoted } from '../../core/clickhouse/client.ts';
import { bareType, type ColumnType } from '../column/column-type.ts';
import type { CommentedColumn } from '../table/stored-columns.ts';

/** The columns of the storage tables that exist, by stream. */
export type StreamColumns = ReadonlyMap<string, readonly CommentedColumn[]>;

type Kind = (type: ColumnType) => boolean;

/**
 * Returns whether a stream has columns of these kinds. A stream of another producer may have the
 * same name as one of ChartMogul's streams, but different columns.
 */
export function hasColumns(columns: StreamColumns, stream: string, kinds: Readonly<Record<string, Kind>>) {
  const types = new Map(columns.get(stream)?.map(({ name, type }) => [name, type]));
  return Object.entries(kinds).every(([name, isKind]) => {
    const type = types.get(name);
    return type !== undefined && isKind(type);
  });
}

/**
 * Returns the SQL of a column, with fractions of a cent rounded. The producer stores fractions of a
 * cent in a separate column, which a table has only once such a fraction has occurred.
 */
export function rounded(columns: StreamColumns, stream: string, name: string, qualifier = ''): string {
  const [whole, fraction] = [name, `${name}__v_double`].map((column) => `${qualifier}${quoted(column)}`);
  return hasColumns(columns, stream, { [name]: isInteger, [`${name}__v_double`]: anyKind })
    ? `ifNull(${whole}, accurateCastOrNull(round(${fraction}), 'Int64'))`
    : (whole ?? '');
}

export const anyKind: Kind = () => true;

export const isText: Kind = (type) => isScalar(type, /^String$/);

export const isInteger: Kind = (type) => isScalar(type, /^U?Int/);

export const isInstant: Kind = (type) => {
  const { kind } = bareType(type).bare;
  return kind === 'dateTime' || kind === 'dateTime64';
};

export const isTexts: Kind = (type) => type.kind === 'array' && isText(type.item);

/** Returns a check for a Tuple with a member of this name and kind. */
export function tupleWith(name: string, isKind: Kind): Kind {
  return (type) =>
    type.kind === 'tuple' && type.members.some((member) => member.name === name && isKind(member.type));
}

function isScalar(type: ColumnType, names: RegExp): boolean {
  const { bare } = bareType(type);
  return bare.kind === 'scalar' && names.test(bare.name);
}
