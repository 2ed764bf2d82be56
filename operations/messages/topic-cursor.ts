import { ConfigError } from '../../core/errors.ts';

/** The offset at which a search of a topic continues, by partition. */
export type Positions = ReadonlyMap<number, bigint>;

const MAX_PARTITIONS = 10_000;

/** Returns positions as text, such as `0:120,1:98`; the inverse of {@link parseCursor}. */
export function cursorText(positions: Positions): string {
  return [...positions].map(([partition, offset]) => `${partition}:${offset}`).join(',');
}

/** @throws ConfigError */
export function parseCursor(text: string): Positions {
  const parts = text.split(',');
  const isCursor = parts.length <= MAX_PARTITIONS && parts.every((part) => /^\d{1,9}:\d{1,19}$/.test(part));
  if (!isCursor) throw new ConfigError(`the cursor must look like 0:120,1:98; got "${text.slice(0, 80)}"`);
  return new Map(
    parts.map((part) => {
      const [partition = '', offset = ''] = part.split(':');
      return [Number(partition), BigInt(offset)];
    }),
  );
}
