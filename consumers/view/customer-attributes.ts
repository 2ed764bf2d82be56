import { anyKind, hasColumns, isText, isTexts, tupleWith, type StreamColumns } from './column-kinds.ts';
import { fromLatest, withChangedAt, type ViewQuery } from './view-query.ts';

const customerUuid = { name: 'customer_uuid', sql: 'parent.uuid', comment: 'Customer, `cus_…`.' };

/** Returns a query with a row for each tag of a customer. */
export function customerTags(database: string, columns: StreamColumns): ViewQuery | undefined {
  if (!hasColumns(columns, 'customers', { uuid: anyKind, attributes: tupleWith('tags', isTexts) }))
    return undefined;
  const tag = { name: 'tag', sql: 'tag', comment: 'One of the tags of the customer.' };
  return {
    columns: withChangedAt([customerUuid, tag], 'parent._timestamp'),
    from: `${fromLatest(database, 'customers', 'parent')} ARRAY JOIN parent.attributes.tags AS tag WHERE tag IS NOT NULL`,
  };
}

const json = 'attribute.2';
const jsonType = `JSONType(${json})`;
const text = `JSONExtractString(${json})`;
const isString = `${jsonType} = 'String'`;
const isInteger = `${jsonType} IN ('Int64', 'UInt64')`;
const isTime = String.raw`match(${text}, '^\\d{4}-\\d\\d-\\d\\d[T ]\\d\\d:\\d\\d:\\d\\d')`;

const attributeColumns = [
  customerUuid,
  { name: 'name', sql: 'attribute.1', comment: 'Name of the custom attribute, as ChartMogul shows it.' },
  {
    name: 'type',
    sql: `multiIf(${isString}, if(${isTime}, 'Timestamp', 'String'), ${isInteger}, 'Integer', ${jsonType} = 'Double', 'Decimal', ${jsonType} = 'Bool', 'Boolean', ${jsonType} = 'Null', 'Null', 'JSON')`,
    comment: '`String`, `Integer`, `Decimal`, `Boolean`, `Timestamp`, `JSON` or `Null`.',
  },
  {
    name: 'value',
    sql: `multiIf(${isString}, ${text}, ${jsonType} = 'Null', NULL, ${json})`,
    comment: 'The value as text; null for the type Null.',
  },
  {
    name: 'string_value',
    sql: `if(${isString}, ${text}, NULL)`,
    comment: 'The value of a String or Timestamp, else null.',
  },
  {
    name: 'integer_value',
    sql: `if(${isInteger}, toInt64OrNull(${json}), NULL)`,
    comment: 'The value of an Integer, else null.',
  },
  {
    name: 'number_value',
    sql: `toFloat64OrNull(${json})`,
    comment: 'The value of an Integer or Decimal as a double, else null.',
  },
  {
    name: 'boolean_value',
    sql: `if(${jsonType} = 'Bool', toBool(${json} = 'true'), NULL)`,
    comment: 'The value of a Boolean, else null.',
  },
  {
    name: 'timestamp_value',
    sql: `if(${isTime}, parseDateTime64BestEffortOrNull(${text}, 3, 'UTC'), NULL)`,
    comment: 'The value of a Timestamp in UTC, else null.',
  },
];

/** Returns a query with a row for each custom attribute of a customer. */
export function customAttributes(database: string, columns: StreamColumns): ViewQuery | undefined {
  if (!hasColumns(columns, 'customers', { uuid: anyKind, attributes: tupleWith('custom', isText) }))
    return undefined;
  return {
    columns: withChangedAt(attributeColumns, 'parent._timestamp'),
    // Tables from earlier releases have a Nullable column, which JSONExtract… rejects.
    from: `${fromLatest(database, 'customers', 'parent')} ARRAY JOIN JSONExtractKeysAndValuesRaw(ifNull(parent.attributes.custom, '')) AS attribute`,
  };
}
