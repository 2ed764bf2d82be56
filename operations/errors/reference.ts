/**
 * The user's next step after an error: retry the work, handle one record, or act before a retry.
 */
export type NextStep = 'retry' | 'record' | 'act';

export interface ErrorEntry {
  readonly code: string;
  readonly next: NextStep;
  readonly meaning: string;
  readonly remedy: string;
  /** Recognizes messages of this error, which do not show the code. */
  readonly sign?: RegExp;
}

/** Every error, grouped by next step. docs/reference/errors.md and `explain_error` show them. */
export const errorEntries: readonly ErrorEntry[] = [
  {
    code: 'ETL_RATE_LIMITED',
    next: 'retry',
    meaning: 'ChartMogul returned 429 or 503: too many requests or connections for this account.',
    remedy:
      'Wait: the producer retries automatically. Lower CHARTMOGUL_MAX_REQUESTS_PER_SECOND if other programs use the API.',
    sign: /(^|\s)\/\S* returned (429|503)|asks clients to wait/i,
  },
  {
    code: 'ETL_SOURCE_UNAVAILABLE',
    next: 'retry',
    meaning:
      'ChartMogul did not respond, its certificate is not trusted, or its response was 408, 5xx other than 503, or incomplete.',
    remedy:
      'Check CHARTMOGUL_BASE_URL and the network, and run `npm run produce` again: it resumes where it stopped.',
    sign: /(^|\s)\/\S* returned (408|50[0-24-9]|5[1-9]\d)|ChartMogul does not respond|ChartMogul at \S+ \(CHARTMOGUL_BASE_URL\)|with a body that is not JSON|returned a response.* that cannot be read/,
  },
  {
    code: 'ETL_SERVICE_UNAVAILABLE',
    next: 'retry',
    meaning:
      'Kafka, the schema registry, ClickHouse or the OAuth server does not respond, is not ready, or reports an error that may be temporary.',
    remedy:
      'Follow the remedy in the message. If a service does not respond, start it (`npm run services -- up` for local services), and check its address with `npm run ping`.',
    sign: /(?<!ChartMogul) does not respond at|ECONNREFUSED|ENOTFOUND|ETIMEDOUT/,
  },
  {
    code: 'ETL_RUN_ACTIVE',
    next: 'retry',
    meaning:
      'Another run is working on the same streams, or another import on the same data source. Nothing was changed. A run without a schedule exits; a scheduled run is skipped.',
    remedy:
      'Wait until the other run or import ends. A run, but not an import, can also be ended with `npm run produce -- --take-over`.',
    sign: /--take-over/,
  },
  {
    code: 'ETL_UNKEYED_RECORD',
    next: 'record',
    meaning: 'A ChartMogul record has no usable primary key, so it became a dead letter.',
    remedy:
      'Check the record with `npm run dead-letters -- show ID`, and correct it in ChartMogul: the next run sends it. Then discard the dead letter.',
    sign: /(a record without a|the record has no) usable/,
  },
  {
    code: 'ETL_NESTED_TOO_DEEPLY',
    next: 'record',
    meaning: 'A record is nested thousands of levels deep, so it became a dead letter.',
    remedy:
      'Check the record with `npm run dead-letters -- show ID`. Reduce its nesting in ChartMogul, or discard the dead letter.',
    sign: /nested thousands of levels deep/,
  },
  {
    code: 'ETL_FROZEN_SCHEMA',
    next: 'record',
    meaning:
      'A record has fields or values that its frozen schema does not accept, so it became a dead letter.',
    remedy: 'Set STREAM_MODES to evolve or discard for the stream, then redrive the dead letter.',
    sign: /fields that the schema lacks: /,
  },
  {
    code: 'ETL_OVERSIZED_RECORD',
    next: 'record',
    meaning:
      'A record is larger than the topic accepts, or has more new fields than a schema can hold, so it became a dead letter.',
    remedy:
      'Raise max.message.bytes of the topic, or set STREAM_MODES to discard for the stream, then redrive the dead letter.',
    sign: /accepts at most \d+ \(max\.message\.bytes\)|larger than a registry accepts|more than \d+ fields that the schema lacks/,
  },
  {
    code: 'ETL_NOT_AN_EVENT',
    next: 'record',
    meaning: 'A request to the webhook receiver was not an MRR movement, so it became a dead letter.',
    remedy:
      'Check the body with `npm run dead-letters -- show ID`. If it is an event, upgrade and redrive the dead letter; otherwise, discard it.',
    sign: /(a request that is no event of ChartMogul|the request is not a ChartMogul event)/,
  },
  {
    code: 'ETL_DECODE',
    next: 'record',
    meaning:
      'A message cannot be decoded, a value does not fit its column or a limit, or the key of a delete does not identify a row, so the message became a dead letter.',
    remedy:
      'Fix the producer, send a correct message (for a delete, with a complete key), then discard the dead letter.',
    sign: /bytes are left over|the bytes end within a value|cannot be decoded/,
  },
  {
    code: 'ETL_UNKNOWN_SCHEMA',
    next: 'record',
    meaning:
      'A message names a schema that is not in the registry or that the sink cannot use for the table, so it became a dead letter.',
    remedy:
      'Register the missing schema again, then redrive the dead letter. If the schema is registered but unusable, discard the dead letter.',
    sign: /has no schema \d+|is not an Avro record/,
  },
  {
    code: 'ETL_ROW_REJECTED',
    next: 'record',
    meaning:
      'ClickHouse rejected a row, for example because it violates a constraint, so its message became a dead letter.',
    remedy:
      'Change the constraint and redrive the dead letter, or correct the record at its source and discard the dead letter.',
    sign: /refuses the row/,
  },
  {
    code: 'ETL_CONFIG',
    next: 'act',
    meaning: 'A setting or an argument is wrong. The command ends with exit code 2.',
    remedy: 'Change the setting that the message names. docs/reference/settings.md lists all settings.',
    sign: /^[A-Z_]+ (must|got|is not set)|run the command in a terminal to see why|^--[a-z-]+ (must|got)/,
  },
  {
    code: 'ETL_AUTHENTICATION',
    next: 'act',
    meaning: 'ChartMogul rejects the API key.',
    remedy:
      'Set a valid key for the account in CHARTMOGUL_API_KEY, CHARTMOGUL_API_KEY_FILE or CHARTMOGUL_API_KEY_COMMAND, and run `npm run ping`.',
    sign: /ChartMogul rejected the key/,
  },
  {
    code: 'ETL_FENCED',
    next: 'act',
    meaning: 'Another producer of the same stream has started, so Kafka rejects the messages of this one.',
    remedy: 'Run only one producer per stream and TOPIC_PREFIX.',
    sign: /another producer of the same stream/,
  },
  {
    code: 'ETL_MASS_DELETE',
    next: 'act',
    meaning: "A run would delete more than MASS_DELETE_PERCENT of a stream's records. Nothing was deleted.",
    remedy:
      'Check the records in ChartMogul. If the deletes are intended, run `npm run produce -- --allow-mass-delete`.',
    sign: /MASS_DELETE_PERCENT \(/,
  },
  {
    code: 'ETL_PARENT_FAILED',
    next: 'act',
    meaning: "The stream that contains the parents of this stream's records was not read completely.",
    remedy: 'Fix the failure of the parent stream, and run `npm run produce` again.',
    sign: /so its child lists cannot be read/,
  },
  {
    code: 'ETL_REQUEST_REFUSED',
    next: 'act',
    meaning: 'ChartMogul rejected a request, for example because of a parameter or a cursor.',
    remedy: 'Run `npm run produce -- --full` once. If the error persists, report it and quote the message.',
    sign: /returned (400|422)/,
  },
  {
    code: 'ETL_ACCESS_DENIED',
    next: 'act',
    meaning:
      'The key is valid, but the plan of the account or the role of the user does not include this list.',
    remedy: 'Use the key of a user with more privileges, or accept that the stream is absent.',
    sign: /the plan or the key's role does not include it/,
  },
  {
    code: 'ETL_STREAM_NOT_FOUND',
    next: 'act',
    meaning: 'ChartMogul returned 404 or 410 for the list: this account lacks the stream.',
    remedy:
      'If the account does not use the feature, do nothing. Otherwise, check the path of the stream in CONFIG_FILE.',
    sign: /this account does not have (it|this list)/,
  },
  {
    code: 'ETL_UNEXPECTED_ANSWER',
    next: 'act',
    meaning:
      'The API returned an unexpected status, a response that lacks an expected part (for example, the list of the stream), or more than MAX_DECODED_MIB.',
    remedy:
      'Check CHARTMOGUL_BASE_URL. For a stream in CONFIG_FILE, compare `listKey` with the keys in the message. If the response is too large, raise MAX_DECODED_MIB.',
    sign: /must return a list under|JSON that is not an object|returned no content instead of a page/,
  },
  {
    code: 'ETL_PAGINATION_LOOP',
    next: 'act',
    meaning:
      'The pages of a list repeat, or too many in a row are empty, so reading the list might never end.',
    remedy: 'Run `npm run produce` again. If the error persists, report it and quote the message.',
    sign: /points to a page that was already read|repeats the records of the previous page|pages in a row have no records/,
  },
  {
    code: 'ETL_INCOMPATIBLE_SCHEMA',
    next: 'act',
    meaning: 'The registry refuses a schema, or a table cannot hold the values of a schema.',
    remedy:
      'Follow the remedy in the message. In most cases, rebuild the table with `npm run replay -- --streams NAME`.',
    sign: /is not an Avro schema|cannot hold the topic's values|part of the sorting key|set it to BACKWARD/,
  },
  {
    code: 'ETL_SERVICE_REFUSED',
    next: 'act',
    meaning:
      'Kafka, the registry, ClickHouse or the OAuth server refused a request, for example because of a wrong password or certificate, a missing privilege or an invalid query.',
    remedy:
      'Check the user, the password and the privileges (docs/how-to/clickhouse-rights.md, docs/security.md), or correct the query.',
    sign: /refuses the (login|client certificate)|Kafka at \S+ |returned code \d+|only queries that read are allowed|lacks a privilege/,
  },
  {
    code: 'ETL_NAME_TAKEN',
    next: 'act',
    meaning:
      'The table or view of a stream would have the same name as that of another stream, or the table holds rows of another topic.',
    remedy:
      'Give one of the streams a topic with another name (create that topic and produce to it), or run a second sink for one of them, with its own CLICKHOUSE_DATABASE and a TOPIC_PREFIX that matches only that topic. Or, if you no longer need the rows of the other topic, drop the table that the message names.',
    sign: /use another name for (one of the topics|the topic)/,
  },
  {
    code: 'ETL_TOPIC_GONE',
    next: 'act',
    meaning: 'The topic does not exist: it was deleted, or never created.',
    remedy: 'Run `npm run produce -- --streams NAME`, which creates the topic.',
    sign: /topic \S+ no longer exists|there is no topic/,
  },
  {
    code: 'ETL_VIEW_FAILED',
    next: 'act',
    meaning: 'A materialized view of the table fails or lacks its target, so the table accepts no rows.',
    remedy: 'Fix or drop the materialized view that the message names. Then restart the sink.',
    sign: /materialized view/,
  },
  {
    code: 'ETL_UNREADABLE_BATCH',
    next: 'act',
    meaning:
      'A partition contains a record batch that is invalid, is too large when decompressed, has more than a million records, or uses an unknown compression codec.',
    remedy:
      'If the message names MAX_DECODED_MIB, raise it. If it names the number of records or the codec, change the producer of the topic. Otherwise, the batch is corrupt: check the disk of the broker.',
    sign: /the record batch at offset \d+ cannot be read/,
  },
  {
    code: 'ETL_STOPPED',
    next: 'act',
    meaning: 'A signal or a cancelled request ended the work before it was done.',
    remedy:
      'Run the command again. `produce`, `sink`, `export` and `import` continue where they stopped; `replay` starts over.',
    sign: /stopped by /,
  },
  {
    code: 'ETL_REPLAY_REFUSED',
    next: 'act',
    meaning:
      'A replay is impossible or would lose rows, and nothing was changed; or the replay could not verify the new table after the swap.',
    remedy: 'Follow the remedy in the message, such as `--from beginning`.',
    sign: /nothing was changed|is not the table that the replay swapped in|lacks the last rows of partitions/,
  },
  {
    code: 'ETL_TARGET_FAILED',
    next: 'act',
    meaning:
      'An export cannot write to its target: no space, a missing privilege, a wrong password, no connection or another active export.',
    remedy: 'Follow the remedy in the message, and run the export again.',
    sign: /DuckDB cannot use|the export cannot use|another export/,
  },
  {
    code: 'ETL_LOCAL_SERVICE',
    next: 'act',
    meaning:
      'A local service or the simulator did not start or stop, or a program that it needs is not installed.',
    remedy:
      'Read the log that the message names. `npm run services -- status` shows which services are running.',
    sign: /is not installed|did not respond within|but is not responding at/,
  },
];
