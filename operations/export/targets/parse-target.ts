import { resolve } from 'node:path';
import { ConfigError } from '../../../core/errors.ts';
import { rememberPasswordsIn } from '../../../core/redact.ts';

export type TargetAddress =
  | { readonly kind: 'parquet' | 'csv'; readonly path: string }
  | { readonly kind: 'duckdb'; readonly path: string }
  | { readonly kind: 'postgres'; readonly url: URL }
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string };

const targets = 'parquet:DIR, csv:DIR, duckdb:FILE, postgres://USER@HOST/DATABASE, s3://BUCKET/PREFIX';

/** @throws ConfigError whose message omits the address, because it may contain a password. */
export function parseTarget(text: string): TargetAddress {
  rememberPasswordsIn(text);
  const rule = new ConfigError(`--to must be one of ${targets}`);
  const [, kind = '', rest = ''] = /^([a-z0-9]+):(.*)$/s.exec(text) ?? [];
  switch (kind) {
    case 'parquet':
    case 'csv':
    case 'duckdb':
      if (rest === '' || rest.startsWith('//')) throw rule;
      return { kind, path: resolve(rest) };
    case 'postgres':
    case 'postgresql': {
      const url = URL.canParse(text) ? new URL(text) : undefined;
      if (url === undefined || url.pathname.length < 2) throw rule;
      return { kind: 'postgres', url };
    }
    case 's3': {
      const [, bucket, prefix = ''] = /^\/\/([a-z0-9][a-z0-9.-]{1,62})(?:\/([^?#]*))?$/.exec(rest) ?? [];
      if (bucket === undefined) throw rule;
      return { kind, bucket, prefix: prefix.replace(/\/+$/, '') };
    }
    default:
      throw rule;
  }
}

/** Returns the address of a target for messages, without user and password. */
export function placeOf(address: TargetAddress): string {
  if (address.kind === 'postgres') return `postgres://${address.url.host}${address.url.pathname}`;
  return address.kind === 's3' ? `s3://${address.bucket}/${address.prefix}` : address.path;
}
