import { bareType, type ColumnType } from '../../consumers/column/column-type.ts';
import { parseColumnType } from '../../consumers/column/parse-column-type.ts';

/** The kind of value that a column has in an export. Any value may be null. */
export type ExportedType =
  | { readonly kind: 'boolean' | 'float' | 'double' | 'text' | 'date' | 'timestamp' | 'uuid' | 'json' }
  | { readonly kind: 'integer'; readonly bits: 8 | 16 | 32 | 64; readonly isSigned: boolean }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'list'; readonly item: ExportedType }
  | { readonly kind: 'map'; readonly key: ExportedType; readonly value: ExportedType }
  | { readonly kind: 'struct'; readonly members: readonly ExportedMember[] };

export interface ExportedMember {
  readonly name: string;
  readonly type: ExportedType;
}

/**
 * The maximum number of digits that DuckDB and common Parquet readers support. In Parquet files,
 * longer decimals become text.
 */
export const MAX_PARQUET_DIGITS = 38;

/** Returns the exported type of a column. @param text its type as ClickHouse prints it. */
export function exportedTypeOf(text: string): ExportedType {
  const type = parseColumnType(text);
  if (type === undefined) return { kind: isComposite(text) ? 'json' : 'text' };
  return kindOf(type);
}

/** Returns whether a type that the sink does not know is composite. */
export function isComposite(text: string): boolean {
  return /^(Array|Map|Tuple|Nested|JSON|Object|Dynamic|Variant)\b/.test(text);
}

function kindOf(type: ColumnType): ExportedType {
  const { bare } = bareType(type);
  switch (bare.kind) {
    case 'array':
      return { kind: 'list', item: kindOf(bare.item) };
    case 'map':
      return { kind: 'map', key: kindOf(bare.key), value: kindOf(bare.value) };
    case 'tuple':
      if (bare.members.length === 0) return { kind: 'json' };
      return {
        kind: 'struct',
        members: bare.members.map((member) => ({ name: member.name, type: kindOf(member.type) })),
      };
    case 'variant':
      return { kind: 'json' };
    case 'decimal':
      return { kind: 'decimal', precision: bare.precision, scale: bare.scale };
    case 'dateTime':
    case 'dateTime64':
      return { kind: 'timestamp' };
    case 'scalar':
      return scalarKind(bare.name);
    default:
      return { kind: 'text' };
  }
}

function scalarKind(name: string): ExportedType {
  const [, sign, bits] = /^(U?)Int(8|16|32|64)$/.exec(name) ?? [];
  if (bits !== undefined)
    return { kind: 'integer', bits: Number(bits) as 8 | 16 | 32 | 64, isSigned: sign === '' };
  switch (name) {
    case 'Bool':
      return { kind: 'boolean' };
    case 'Float32':
      return { kind: 'float' };
    case 'Float64':
      return { kind: 'double' };
    case 'Date':
    case 'Date32':
      return { kind: 'date' };
    case 'UUID':
      return { kind: 'uuid' };
    case 'UInt128':
      return { kind: 'decimal', precision: 39, scale: 0 };
    default:
      return { kind: 'text' };
  }
}
