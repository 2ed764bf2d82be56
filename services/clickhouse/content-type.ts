/** Returns the Content-Type of a ClickHouse output format, as the real server names it. */
export function contentType(format: string): string {
  const isBinary =
    /^(RowBinary|Native|Parquet|Arrow|ORC|Avro|Protobuf|MsgPack|CapnProto|BSON|Npy|RawBLOB)/i.test(format);
  if (isBinary) return 'application/octet-stream';
  if (/^JSON.*(EachRow|Lines)|^NDJSON/i.test(format)) return 'application/x-ndjson; charset=UTF-8';
  if (/^JSON/i.test(format)) return 'application/json; charset=UTF-8';
  const header = /WithNames/i.test(format) ? 'present' : 'absent';
  if (/^CSV/i.test(format)) return `text/csv; charset=UTF-8; header=${header}`;
  if (/^(TabSeparated|TSV)/i.test(format)) return 'text/tab-separated-values; charset=UTF-8';
  if (/^XML/i.test(format)) return 'application/xml; charset=UTF-8';
  return 'text/plain; charset=UTF-8';
}
