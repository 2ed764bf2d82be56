import { extname } from 'node:path';
import { ConfigError } from '../../core/errors.ts';

/** ClickHouse output formats by the extension of a file. */
const formats: Readonly<Record<string, string>> = {
  '.csv': 'CSVWithNames',
  '.tsv': 'TabSeparatedWithNames',
  '.json': 'JSON',
  '.ndjson': 'JSONEachRow',
  '.jsonl': 'JSONEachRow',
  '.parquet': 'Parquet',
  '.arrow': 'Arrow',
  '.md': 'Markdown',
};

/** Returns the format of a file by its extension. @throws ConfigError for an unknown extension. */
export function formatOfFile(path: string): string {
  const extension = extname(path).toLowerCase();
  const format = formats[extension];
  if (format !== undefined) return format;
  const known = Object.keys(formats).join(', ');
  throw new ConfigError(
    `--output must be a file whose name ends in ${known}, or --format must name the format; got "${path}"`,
  );
}

/** Returns whether a terminal cannot show the format. */
export function isBinaryFormat(name: string): boolean {
  return /^(?:Parquet|Arrow|ORC|Avro|Native|RowBinary|RawBLOB|MsgPack|Protobuf|CapnProto|BSON|Npy)/i.test(
    name,
  );
}
