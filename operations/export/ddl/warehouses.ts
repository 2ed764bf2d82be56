import { MAX_PARQUET_DIGITS, type ExportedType } from '../exported-type.ts';

export interface DdlColumn {
  readonly name: string;
  readonly type: ExportedType;
  readonly comment: string;
}

/** The syntax in which a data warehouse defines tables and loads exported Parquet files. */
export interface Warehouse {
  /** Returns the type of a column, nested or not. */
  readonly typeOf: (type: ExportedType) => string;
  readonly quoted: (name: string) => string;
  /** Statements that precede those of the tables. */
  readonly preamble: readonly string[];
  readonly commentOf: (text: string) => string;
  /** Returns the statement that loads the file of a table. */
  readonly load: (table: string, file: string, columns: readonly DdlColumn[]) => string;
}

export const warehouseNames = ['snowflake', 'bigquery', 'redshift', 'databricks'] as const;
export type WarehouseName = (typeof warehouseNames)[number];

const sqlText = (text: string) => `'${text.replaceAll("'", "''")}'`;
const escaped = (text: string) =>
  text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r');
const escapedText = (text: string) => `'${escaped(text).replaceAll("'", "\\'")}'`;
const doubleQuoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
const backQuoted = (name: string) => `\`${name.replaceAll('`', '``')}\``;

/**
 * Returns the type of a decimal. With more than MAX_PARQUET_DIGITS digits, the files contain text.
 */
function decimalOf(
  { precision, scale }: Extract<ExportedType, { kind: 'decimal' }>,
  name: string,
  text: string,
) {
  return precision > MAX_PARQUET_DIGITS ? text : `${name}(${precision}, ${scale})`;
}

const snowflake: Warehouse = {
  typeOf(type) {
    switch (type.kind) {
      case 'boolean':
        return 'BOOLEAN';
      case 'integer':
        return 'NUMBER(38, 0)';
      case 'float':
      case 'double':
        return 'FLOAT';
      case 'decimal':
        return decimalOf(type, 'NUMBER', 'VARCHAR');
      case 'date':
        return 'DATE';
      case 'timestamp':
        return 'TIMESTAMP_LTZ(6)';
      case 'list':
      case 'map':
      case 'struct':
        return 'VARIANT';
      case 'uuid':
        return 'BINARY(16)';
      case 'text':
      case 'json':
        return 'VARCHAR';
    }
  },
  quoted: doubleQuoted,
  preamble: [
    'CREATE SCHEMA IF NOT EXISTS "chartmogul"',
    `CREATE STAGE IF NOT EXISTS "chartmogul"."exports" URL = 's3://BUCKET/PREFIX/' STORAGE_INTEGRATION = INTEGRATION`,
  ],
  commentOf: (text) => ` COMMENT ${sqlText(text.replaceAll('\\', '\\\\'))}`,
  load: (table, file) =>
    `COPY INTO ${table} FROM @"chartmogul"."exports" FILES = (${sqlText(file)}) ` +
    `FILE_FORMAT = (TYPE = PARQUET USE_LOGICAL_TYPE = TRUE) MATCH_BY_COLUMN_NAME = CASE_SENSITIVE`,
};

const bigquery: Warehouse = {
  typeOf(type) {
    switch (type.kind) {
      case 'boolean':
        return 'BOOL';
      case 'integer':
        return 'INT64';
      case 'float':
      case 'double':
        return 'FLOAT64';
      case 'decimal':
        if (type.precision > MAX_PARQUET_DIGITS) return 'STRING';
        return type.scale <= 9 && type.precision - type.scale <= 29
          ? `NUMERIC(${type.precision}, ${type.scale})`
          : `BIGNUMERIC(${type.precision}, ${type.scale})`;
      case 'date':
        return 'DATE';
      case 'timestamp':
        return 'TIMESTAMP';
      case 'list':
        // BigQuery does not allow arrays of arrays, so a struct with one field wraps the inner
        // array.
        return type.item.kind === 'list'
          ? `ARRAY<STRUCT<element ${bigquery.typeOf(type.item)}>>`
          : `ARRAY<${bigquery.typeOf(type.item)}>`;
      case 'map':
        return `STRUCT<key_value ARRAY<STRUCT<key ${bigquery.typeOf(type.key)}, value ${bigquery.typeOf(type.value)}>>>`;
      case 'struct':
        return `STRUCT<${type.members.map((one) => `${bigquery.quoted(one.name)} ${bigquery.typeOf(one.type)}`).join(', ')}>`;
      case 'uuid':
        return 'BYTES';
      case 'text':
      case 'json':
        return 'STRING';
    }
  },
  quoted: (name) => `\`${escaped(name).replaceAll('`', '\\`')}\``,
  preamble: ['CREATE SCHEMA IF NOT EXISTS `chartmogul`'],
  commentOf: (text) => ` OPTIONS (description = ${escapedText(text)})`,
  load: (table, file) =>
    `LOAD DATA INTO ${table} FROM FILES (format = 'PARQUET', enable_list_inference = true, uris = ['gs://BUCKET/PREFIX/${file}'])`,
};

const redshift: Warehouse = {
  typeOf(type) {
    switch (type.kind) {
      case 'boolean':
        return 'BOOLEAN';
      case 'integer': {
        if (type.bits === 64) return type.isSigned ? 'BIGINT' : 'DECIMAL(20, 0)';
        const bits = type.isSigned ? type.bits : type.bits + 1;
        return bits <= 16 ? 'SMALLINT' : bits <= 32 ? 'INTEGER' : 'BIGINT';
      }
      case 'float':
        return 'REAL';
      case 'double':
        return 'DOUBLE PRECISION';
      case 'decimal':
        return decimalOf(type, 'DECIMAL', 'VARCHAR(100)');
      case 'date':
        return 'DATE';
      case 'timestamp':
        return 'TIMESTAMP';
      case 'list':
      case 'map':
      case 'struct':
        return 'SUPER';
      case 'uuid':
        return 'VARBYTE(16)';
      case 'text':
      case 'json':
        return 'VARCHAR(65535)';
    }
  },
  quoted: doubleQuoted,
  preamble: ['CREATE SCHEMA IF NOT EXISTS "chartmogul"'],
  // Redshift requires separate statements for column comments.
  commentOf: () => '',
  load: (table, file, columns) => {
    const isNested = columns.some(({ type }) => ['list', 'map', 'struct'].includes(type.kind));
    return (
      `COPY ${table} FROM 's3://BUCKET/PREFIX/${file}' IAM_ROLE default FORMAT AS PARQUET` +
      (isNested ? ' SERIALIZETOJSON' : '')
    );
  },
};

const databricks: Warehouse = {
  typeOf(type) {
    switch (type.kind) {
      case 'boolean':
        return 'BOOLEAN';
      case 'integer':
        return databricksInteger(type);
      case 'float':
        return 'FLOAT';
      case 'double':
        return 'DOUBLE';
      case 'decimal':
        return decimalOf(type, 'DECIMAL', 'STRING');
      case 'date':
        return 'DATE';
      case 'timestamp':
        return 'TIMESTAMP';
      case 'list':
        return `ARRAY<${databricks.typeOf(type.item)}>`;
      case 'map':
        return `MAP<${databricks.typeOf(type.key)}, ${databricks.typeOf(type.value)}>`;
      case 'struct':
        return `STRUCT<${type.members.map((one) => `${backQuoted(one.name)}: ${databricks.typeOf(one.type)}`).join(', ')}>`;
      case 'uuid':
        return 'BINARY';
      case 'text':
      case 'json':
        return 'STRING';
    }
  },
  quoted: backQuoted,
  preamble: ['CREATE SCHEMA IF NOT EXISTS `chartmogul`'],
  commentOf: (text) => ` COMMENT ${escapedText(text)}`,
  load: (table, file) =>
    `COPY INTO ${table} FROM 's3://BUCKET/PREFIX/' FILEFORMAT = PARQUET FILES = (${escapedText(file)}) ` +
    `COPY_OPTIONS ('mergeSchema' = 'true', 'force' = 'true')`,
};

function databricksInteger({ bits, isSigned }: Extract<ExportedType, { kind: 'integer' }>): string {
  const needed = isSigned ? bits : bits + 1;
  if (needed <= 8) return 'TINYINT';
  if (needed <= 16) return 'SMALLINT';
  if (needed <= 32) return 'INT';
  return needed <= 64 ? 'BIGINT' : 'DECIMAL(20, 0)';
}

export const warehouses: Readonly<Record<WarehouseName, Warehouse>> = {
  snowflake,
  bigquery,
  redshift,
  databricks,
};
