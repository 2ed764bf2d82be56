import { createHash } from 'node:crypto';
import type { ExportedType } from '../exported-type.ts';

const MAX_NAME_BYTES = 63;

/**
 * Quotes a name. PostgreSQL would truncate a long name, and two columns could then have the same
 * name, so a long name ends with a digest.
 */
export function pgName(name: string): string {
  const bytes = Buffer.from(name);
  if (bytes.length <= MAX_NAME_BYTES) return quotedName(name);
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 8);
  const start = bytes
    .subarray(0, MAX_NAME_BYTES - 9)
    .toString('utf8')
    .replace(/\uFFFD+$/, '');
  return quotedName(`${start}_${digest}`);
}

function quotedName(name: string): string {
  return `"${name.replaceAll('\0', '').replaceAll('"', '""')}"`;
}

export function pgText(text: string): string {
  const quoted = `'${text.replaceAll('\0', '').replaceAll("'", "''")}'`;
  return text.includes('\\') ? `E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}

/** Returns the type of a column in PostgreSQL. */
export function pgType(type: ExportedType): string {
  switch (type.kind) {
    case 'integer':
      return integerType(type);
    case 'float':
      return 'real';
    case 'double':
      return 'double precision';
    case 'decimal':
      return `numeric(${type.precision}, ${type.scale})`;
    case 'timestamp':
      return 'timestamp with time zone';
    case 'boolean':
    case 'text':
    case 'date':
    case 'uuid':
      return type.kind;
    case 'json':
    case 'list':
    case 'map':
    case 'struct':
      return 'jsonb';
  }
}

function integerType({ bits, isSigned }: Extract<ExportedType, { kind: 'integer' }>): string {
  // PostgreSQL has no unsigned integers.
  const needed = isSigned ? bits : bits + 1;
  if (needed <= 16) return 'smallint';
  if (needed <= 32) return 'integer';
  return needed <= 64 ? 'bigint' : 'numeric(20, 0)';
}
