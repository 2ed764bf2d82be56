import { defaultAvro } from '../schema/default-value.ts';
import type { WriterField } from '../schema/writer-type.ts';
import { literal } from '../../core/clickhouse/client.ts';
import { absentBytes } from '../transcode/absent-value.ts';
import { defaultBytes } from '../transcode/column-default.ts';
import { RowReader } from '../transcode/row-reader.ts';
import {
  dateText,
  decimalText,
  doubleText,
  floatText,
  timestampText,
  uuidText,
} from '../transcode/scalar-text.ts';
import { decimalWidth } from '../transcode/decimal.ts';
import { writeValue } from '../transcode/value-code.ts';
import type { ColumnType } from '../column/column-type.ts';

/** Returns whether the field declares a valid default. */
export function hasDefault({ type, default: value }: WriterField): boolean {
  return value !== undefined && defaultAvro(type, value) !== undefined;
}

/**
 * Returns the default in SQL; empty for the default of the type, undefined if SQL cannot express
 * it.
 */
export function defaultSql(field: WriterField, column: ColumnType): string | undefined {
  const bytes = Buffer.from(absentBytes(field, column, writeValue));
  if (bytes.equals(Buffer.from(defaultBytes(column)))) return '';
  const sql = new ValueReader(bytes).sql(column);
  return sql && `CAST(${sql}, ${literal(column.text)})`;
}

/** First and last day of the server's calendar, in days since 1970. */
const FIRST_DAY = -25_567;
const LAST_DAY = 120_529;
const DAY_SECONDS = 86_400n;

/** Converts RowBinary to SQL, for the column types that are derived from schemas. */
class ValueReader extends RowReader {
  sql(column: ColumnType): string | undefined {
    switch (column.kind) {
      case 'nullable':
        return this.byte() === 1 ? 'NULL' : this.sql(column.inner);
      case 'variant': {
        const member = column.members[this.byte()];
        return member === undefined ? 'NULL' : this.#typed(member);
      }
      case 'array': {
        const items = this.#times(() => this.#typed(column.item));
        return joined(items, '[', ']');
      }
      case 'map': {
        const entries = this.#times(() => [this.#typed(column.key), this.#typed(column.value)]);
        return joined(entries.flat(), 'map(', ')');
      }
      case 'tuple': {
        const members = column.members.map(({ type }) => this.#typed(type));
        return joined(members, 'tuple(', ')');
      }
      default: {
        if (column.text === 'String') return this.#string();
        const text = this.#text(column);
        return text && literal(text);
      }
    }
  }

  #typed(column: ColumnType): string | undefined {
    const sql = this.sql(column);
    return sql && `CAST(${sql}, ${literal(column.text)})`;
  }

  #times<T>(read: () => T): T[] {
    return Array.from({ length: this.count() }, read);
  }

  #string(): string {
    const bytes = this.take(this.count());
    const text = bytes.toString('utf8');
    return Buffer.from(text).equals(bytes) ? literal(text) : `unhex('${bytes.toString('hex')}')`;
  }

  #text(column: ColumnType): string | undefined {
    switch (column.text) {
      case 'Bool':
        return this.byte() === 1 ? 'true' : 'false';
      case 'Int32':
        return String(this.take(4).readInt32LE());
      case 'Int64':
        return this.take(8).readBigInt64LE().toString();
      case 'Float32':
        return floatText(this.take(4).readFloatLE());
      case 'Float64':
        return doubleText(this.take(8).readDoubleLE());
      case 'Date32': {
        const days = this.take(4).readInt32LE();
        return days < FIRST_DAY || days > LAST_DAY ? undefined : dateText(days);
      }
      case 'UUID':
        return uuidText(Buffer.concat([this.take(8).reverse(), this.take(8).reverse()]), 0);
      default:
    }
    if (column.kind === 'decimal') {
      const bytes = Buffer.from(this.take(decimalWidth(column.precision))).reverse();
      return decimalText(BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`)), column.scale);
    }
    if (column.kind !== 'dateTime64') return undefined;
    const ticks = this.take(8).readBigInt64LE();
    const day = 10n ** BigInt(column.digits) * DAY_SECONDS;
    const isWithin = ticks >= BigInt(FIRST_DAY) * day && ticks < BigInt(LAST_DAY) * day;
    return isWithin ? timestampText(ticks, column.digits) : undefined;
  }
}

function joined(parts: readonly (string | undefined)[], open: string, close: string): string | undefined {
  return parts.includes(undefined) ? undefined : `${open}${parts.join(', ')}${close}`;
}
