import assert from 'node:assert/strict';
import test from 'node:test';
import { inspect } from 'node:util';
import avro from 'avsc';
import fc from 'fast-check';
import { splitNullable, type AvroType, type StreamSchema } from '../../../../core/avro/schema.ts';
import { UnkeyedRecordError } from '../../../../core/errors.ts';
import { freeFormText } from '../../../../core/free-form.ts';
import { LosslessNumber, parseJson, type JsonObject, type JsonValue } from '../../../../core/json.ts';
import { fieldNameOf } from '../../../../core/avro/field-name.ts';
import { RecordEncoder } from '../../../../producers/encode/record-encoder.ts';
import { exactLong } from '../../../../core/avro/exact-long.ts';
import { roundTrip } from '../../../helpers/round-trip.ts';

const json = { type: 'string', logicalType: 'json' } as const;
const instant = { type: 'long', logicalType: 'timestamp-millis' } as const;
const date = { type: 'int', logicalType: 'date' } as const;
const nullable = (name: string, type: Exclude<AvroType, readonly unknown[]>, aliases?: string[]) =>
  ({ name, type: ['null', type], default: null, ...(aliases && { aliases }) }) as const;
const streamSchema = (...fields: StreamSchema['fields']): StreamSchema => ({
  type: 'record',
  name: 'Thing',
  primaryKey: ['uuid'],
  fields: [{ name: 'uuid', type: 'string' }, ...fields],
});

const schema = streamSchema(
  nullable('text', 'string'),
  nullable('customer_since', instant),
  nullable('due', date),
  nullable('cents', 'long'),
  nullable('small', 'int'),
  nullable('rate', 'double'),
  nullable('on', 'boolean'),
  nullable('custom', json),
  nullable('tags', { type: 'array', items: ['null', 'string'] }),
  nullable('amounts', { type: 'array', items: 'long' }),
  nullable('address', {
    type: 'record',
    name: 'Address',
    fields: [nullable('city', 'string'), nullable('zip', 'long')],
  }),
  nullable('line_items', {
    type: 'array',
    items: [
      'null',
      {
        type: 'record',
        name: 'LineItem',
        fields: [
          nullable('quantity', 'long'),
          nullable('period', { type: 'record', name: 'Period', fields: [nullable('start', instant)] }),
        ],
      },
    ],
  }),
);

/** Returns the decoded record without its uuid and its nulls. */
function present(start: StreamSchema, record: JsonObject): Record<string, unknown> {
  const { decoded } = roundTrip(start, { uuid: 'u', ...record });
  return Object.fromEntries(
    Object.entries(decoded).filter(([name, value]) => value !== null && name !== 'uuid'),
  );
}

const safe = (value: bigint): JsonValue => (Number.isSafeInteger(Number(value)) ? Number(value) : value);
const anInt64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(safe);
const aText = fc.string({ unit: 'binary', maxLength: 12 });
const anInstant = fc
  .date({ min: new Date('1900-01-01'), max: new Date('2299-12-31T23:59:59.999Z'), noInvalidDate: true })
  .map((value) => value.toISOString());
const aDate = anInstant.map((text) => text.slice(0, 10));
const anyJson = fc.oneof(
  fc.json({ maxDepth: 2 }).map(parseJson),
  fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }).map(safe),
  anInt64.map(String),
  anInstant,
);
const orNull = <T>(values: fc.Arbitrary<T>) => fc.option(values);
const plain = { noNullPrototype: true } as const;
const aDouble = fc.double({ noNaN: true, noDefaultInfinity: true });

const fitting = fc.record(
  {
    uuid: fc.uuid(),
    text: orNull(aText),
    customer_since: orNull(anInstant),
    due: orNull(aDate),
    cents: orNull(anInt64),
    small: orNull(fc.integer()),
    rate: orNull(aDouble),
    on: orNull(fc.boolean()),
    custom: orNull(anyJson.filter((value) => value !== null)),
    tags: orNull(fc.array(orNull(aText))),
    amounts: orNull(fc.array(anInt64)),
    address: orNull(fc.record({ city: orNull(aText), zip: orNull(anInt64) }, plain)),
    line_items: orNull(
      fc.array(
        orNull(
          fc.record(
            { quantity: orNull(anInt64), period: orNull(fc.record({ start: orNull(anInstant) }, plain)) },
            plain,
          ),
        ),
      ),
    ),
  },
  plain,
);

/** Returns the JSON value that a decoded Avro value represents. */
function asJson(type: AvroType, value: unknown): JsonValue {
  if (value === null) return null;
  const { valueType } = splitNullable(type);
  if (typeof valueType === 'string')
    return valueType === 'long' ? safe(value as bigint) : (value as JsonValue);
  switch (valueType.type) {
    case 'record':
      return Object.fromEntries(
        valueType.fields.map((field) => [field.name, asJson(field.type, (value as JsonObject)[field.name])]),
      );
    case 'array':
      return (value as unknown[]).map((item) => asJson(valueType.items, item));
    case 'string':
      return parseJson(value as string);
    case 'long':
      return new Date(Number(value)).toISOString();
    case 'int':
      return new Date((value as number) * 86_400_000).toISOString().slice(0, 10);
  }
}

/** Returns a free-form value as it is read back from its text. */
const asRead = (value: JsonValue) => parseJson(freeFormText(value));

test('every matching record is read back unchanged by another Avro implementation', () => {
  fc.assert(
    fc.property(fitting, (record) => {
      const { key, decoded, rounds } = roundTrip(schema, record);
      assert.equal(rounds, 0);
      assert.equal(key, record.uuid);
      const custom = record.custom === null ? null : asRead(record.custom);
      assert.deepEqual(asJson(schema, decoded), { ...record, custom });
    }),
    { numRuns: 300, endOnFailure: true },
  );
});

/** Returns whether the stored value represents the source value, unchanged or converted. */
function represents(type: AvroType, stored: unknown, value: JsonValue): boolean {
  if (value === null || value === '') return stored === null || stored === '' || stored === '""';
  if (stored === null) return false;
  const { valueType } = splitNullable(type);
  if (typeof valueType === 'object' && valueType.type === 'record') {
    return isLossless(valueType.fields, stored as Record<string, unknown>, value as JsonObject);
  }
  if (typeof valueType === 'object' && valueType.type === 'array') {
    const [items, values] = [stored as unknown[], value as JsonValue[]];
    return (
      items.length === values.length &&
      values.every((item, at) => represents(valueType.items, items[at], item))
    );
  }
  const found = asJson(type, stored);
  // A date field also accepts the midnight of its day.
  const isDate = typeof valueType === 'object' && valueType.type === 'int';
  if (isDate && typeof value === 'string') return value.replace(/T00:00:00\.000Z$/, '') === found;
  if (typeof value === 'bigint' && Number.isInteger(found)) return BigInt(found as number) === value;
  if (typeof valueType === 'object' && valueType.type === 'string') return equal(found, asRead(value));
  return (
    equal(found, value) ||
    String(found) === String(value) ||
    (typeof value === 'string' && Number(value) === found)
  );
}

function equal(a: unknown, b: unknown): boolean {
  try {
    assert.deepEqual(a, b);
    return true;
  } catch {
    return false;
  }
}

/**
 * Returns whether every source value is stored exactly once: in its field, in a variant field, or
 * in a field with a longer name.
 */
function isLossless(
  fields: StreamSchema['fields'],
  stored: Record<string, unknown>,
  source: JsonObject,
): boolean {
  const free = new Set(fields.filter(({ name }) => stored[name] !== null));
  for (const [key, value] of Object.entries(source)) {
    if (value === null || value === '') continue;
    const name = fieldNameOf(key);
    const isOwn = (candidate: string) =>
      candidate.startsWith(name) &&
      /^_*(__v_(string|double|long|bool|json))*$/.test(candidate.slice(name.length));
    const field = [...free].find(
      (candidate) => isOwn(candidate.name) && represents(candidate.type, stored[candidate.name], value),
    );
    if (field === undefined) return false;
    free.delete(field);
  }
  return [...free].every(({ name, type }) => represents(type, stored[name], ''));
}

const keys = fc.constantFrom(
  'customer-since',
  'text',
  'city',
  'new field',
  'newField',
  '1st',
  'größe',
  '',
  'a-b',
  'a_b',
  'a b',
);
const unknownFields = fc.dictionary(keys, anyJson, { maxKeys: 4, noNullPrototype: true });
const misfitting = fc
  .record(
    {
      text: anyJson,
      customer_since: anyJson,
      due: anyJson,
      cents: anyJson,
      small: anyJson,
      rate: anyJson,
      on: anyJson,
      custom: anyJson,
      tags: anyJson,
      amounts: fc.oneof(anyJson, fc.array(anyJson, { maxLength: 3 })),
      address: fc.oneof(anyJson, unknownFields),
      line_items: fc.oneof(anyJson, fc.array(fc.oneof(anyJson, unknownFields), { maxLength: 3 })),
    },
    { requiredKeys: [], noNullPrototype: true },
  )
  .chain((record) => unknownFields.map((more): JsonObject => ({ ...more, ...record, uuid: 'u' })));

test('unknown fields and misfits at any depth are stored without loss', () => {
  fc.assert(
    fc.property(misfitting, (record) => {
      const result = roundTrip(schema, record);
      assert.ok(isLossless(result.schema.fields, result.decoded, record));
    }),
    { numRuns: 300, endOnFailure: true },
  );
});

const misfits: readonly (readonly [string, JsonValue, Record<string, unknown>])[] = [
  ['cents', 'ten', { cents__v_string: 'ten' }],
  ['cents', 10908.61093020998, { cents__v_double: 10908.61093020998 }],
  ['cents', true, { cents__v_bool: true }],
  ['cents', { a: 1 }, { cents__v_json: '{"a":1}' }],
  ['cents', [1], { cents__v_json: '[1]' }],
  ['cents', 2n ** 63n, { cents__v_json: '9223372036854775808' }],
  ['cents', '9223372036854775808', { cents__v_string: '9223372036854775808' }],
  ['text', 7, { text__v_long: 7n }],
  ['text', 2n ** 60n, { text__v_long: 2n ** 60n }],
  ['customer_since', 1_700_000_000, { customer_since__v_long: 1_700_000_000n }],
  ['rate', 2n ** 60n + 1n, { rate__v_long: 2n ** 60n + 1n }],
  ['rate', '9007199254740993', { rate__v_string: '9007199254740993' }],
  ['rate', '1e999', { rate__v_string: '1e999' }],
  ['rate', '1e-999', { rate__v_string: '1e-999' }],
  ['rate', '99999999999999.99', { rate__v_string: '99999999999999.99' }],
  ['rate', '0.10000000000000001', { rate__v_string: '0.10000000000000001' }],
  ['rate', new LosslessNumber('99999999999999.99'), { rate__v_string: '99999999999999.99' }],
  ['rate', new LosslessNumber('1e400'), { rate__v_string: '1e400' }],
  ['cents', new LosslessNumber('12345678901234567.25'), { cents__v_string: '12345678901234567.25' }],
  ['text', new LosslessNumber('99999999999999.99'), { text__v_string: '99999999999999.99' }],
  ['small', new LosslessNumber('0.10000000000000001'), { small__v_string: '0.10000000000000001' }],
  ['due', new LosslessNumber('0.10000000000000001'), { due__v_string: '0.10000000000000001' }],
  ['custom', new LosslessNumber('99999999999999.99'), { custom: '99999999999999.99' }],
  [
    'custom',
    { a: 2n ** 64n, b: [-(2n ** 63n) - 1n] },
    { custom: '{"a":"18446744073709551616","b":["-9223372036854775809"]}' },
  ],
  ['cents', 2n ** 64n, { cents__v_json: '"18446744073709551616"' }],
  ['amounts', [1, new LosslessNumber('1.00000000000000001')], { amounts__v_json: '[1,1.00000000000000001]' }],
  ['fresh', new LosslessNumber('99999999999999.99'), { fresh__v_string: '99999999999999.99' }],
  ['text', 'a\ud800b', { text: 'a\ufffdd800b' }],
  ['custom', { '\udc00': '\ud800' }, { custom: '{"\ufffddc00":"\ufffdd800"}' }],
  ['small', 2 ** 31, { small__v_long: 2n ** 31n }],
  ['on', 'true', { on__v_string: 'true' }],
  ['tags', ['a', 1], { tags__v_json: '["a",1]' }],
  ['amounts', [1, null], { amounts__v_json: '[1,null]' }],
  ['line_items', { a: 1 }, { line_items__v_json: '{"a":1}' }],
  // A number field stores a numeric string as a number. A blank string becomes null, except in a
  // string field.
  ['cents', '42', { cents: 42n }],
  ['cents', '-9223372036854775808', { cents: -(2n ** 63n) }],
  ['cents', '42.00', { cents: 42n }],
  ['cents', 5.0, { cents: 5n }],
  ['small', '-7', { small: -7 }],
  ['rate', '1.5e3', { rate: 1500 }],
  ['rate', '1.10', { rate: 1.1 }],
  ['rate', '0.1234567890123456', { rate: 0.1234567890123456 }],
  ['cents', '', {}],
  ['rate', '', {}],
  ['customer_since', '', {}],
  ['text', '', { text: '' }],
];
for (const [field, value, expected] of misfits) {
  const shown = inspect(value);
  test(`the ${field} value ${shown} is stored as ${Object.keys(expected).join() || 'null'}`, () => {
    assert.deepEqual(present(schema, { [field]: value }), expected);
  });
}

test('a misfit within an array item is stored in a field of that item', () => {
  const { decoded } = roundTrip(schema, {
    uuid: 'u',
    line_items: [{ period: { start: 'soon', 'new-one': 1 } }],
  });
  const [item] = decoded['line_items'] as [{ period: Record<string, unknown> }];
  assert.deepEqual({ ...item.period }, { start: null, start__v_string: 'soon', new_one: 1n });
});

const clashing: readonly (readonly [string, StreamSchema, JsonObject])[] = [
  ['alongside a misfit', streamSchema(nullable('x', 'long')), { x: 'foo', x__v_string: 'bar' }],
  [
    'that was learned before its field',
    streamSchema(nullable('x__v_string', 'string'), nullable('x', 'long')),
    { x: 'foo' },
  ],
  ['alongside other spellings', streamSchema(nullable('x', 'long')), { x: 1, 'x-': 2, 'x ': 3, x_: 4 }],
];
for (const [name, start, record] of clashing) {
  test(`a source key named like a variant field, ${name}, does not lose a value`, () => {
    assert.deepEqual(
      Object.values(present(start, record)).map(String).sort(),
      Object.values(record).map(String).sort(),
    );
  });
}

test('an exactly spelled key is stored in its field, whatever precedes it in the record', () => {
  const start = streamSchema(nullable('a_b', 'long'), nullable('a_b_', 'long'));
  assert.deepEqual(present(start, { 'a-b': 1, a_b: 2 }), present(start, { a_b: 2, 'a-b': 1 }));
});

test('an alias matches another name in the source', () => {
  assert.deepEqual(present(streamSchema(nullable('own', 'string', ['theirs'])), { theirs: 'x' }), {
    own: 'x',
  });
});

test('a key of an object cannot change its prototype', () => {
  for (const digits of ['1', '12345678901234567890']) {
    const record = parseJson(`{"uuid":"u","__proto__":{"uuid":1},"constructor":${digits},"toString":3}`);
    const { drifts } = new RecordEncoder(schema).encode(record as JsonObject);
    assert.deepEqual(
      drifts?.map(({ name }) => name),
      ['__proto__', 'constructor', 'toString'],
    );
  }
});

test('discard encodes any keyed record with the given schema and loses only drift', () => {
  fc.assert(
    fc.property(misfitting, (record) => {
      const encoder = new RecordEncoder(schema);
      const { key, avro: bytes, discarded } = encoder.encodeDiscarding(record);
      const type = avro.Type.forSchema(JSON.parse(JSON.stringify(schema)) as avro.Schema, {
        registry: { long: exactLong },
      });
      // Throws on missing or remaining bytes.
      type.fromBuffer(Buffer.from(bytes.view()));
      assert.equal(key, 'u');
      assert.deepEqual(encoder.encode(record).drifts ?? [], discarded);
    }),
    { numRuns: 300, endOnFailure: true },
  );
});

const unkeyedRecords: readonly JsonObject[] = [{}, { uuid: null }, { uuid: 5 }, { uuid: {} }, { UUID: 'u' }];
for (const record of unkeyedRecords) {
  test(`the record ${JSON.stringify(record)} has no usable key`, () => {
    assert.throws(() => new RecordEncoder(schema).encode(record), UnkeyedRecordError);
    assert.throws(() => new RecordEncoder(schema).encodeDiscarding(record), UnkeyedRecordError);
    assert.throws(() => new RecordEncoder(schema).keyOf(record), UnkeyedRecordError);
  });
}

test('a record without a usable key is rejected without its contents in the error', () => {
  assert.throws(
    () => new RecordEncoder(schema).encode({ uuid: 1234567 }),
    (error) => error instanceof UnkeyedRecordError && !inspect(error).includes('1234567'),
  );
});

test('the parts of a key are joined by |', () => {
  const metrics: StreamSchema = {
    ...streamSchema({ name: 'interval', type: 'string' }),
    primaryKey: ['uuid', 'interval'],
  };
  assert.equal(roundTrip(metrics, { uuid: '2024-01-31', interval: 'month' }).key, '2024-01-31|month');
});

for (const id of ['5', '005', '5.0', 5]) {
  test(`the id ${JSON.stringify(id)} has the key of the number that is stored`, () => {
    const events: StreamSchema = {
      type: 'record',
      name: 'E',
      primaryKey: ['id'],
      fields: [{ name: 'id', type: 'long' }],
    };
    assert.equal(roundTrip(events, { id }).key, '5');
    assert.equal(new RecordEncoder(events).keyOf({ id }), '5');
  });
}

test('a record nested deeper than the stack allows does not cause a RangeError', () => {
  const deep = parseJson('['.repeat(20_000) + ']'.repeat(20_000));
  try {
    new RecordEncoder(schema).encode({ uuid: 'u', custom: deep });
  } catch (error) {
    assert.notEqual((error as Error).name, 'RangeError');
  }
});

test('an encoder that rejected a record encodes the next one completely', () => {
  const encoder = new RecordEncoder(schema);
  assert.ok(encoder.encode({ uuid: 'u', text: 'long enough', cents: 'misfit' }).drifts);
  const encoded = encoder.encode({ uuid: 'v' });
  assert.ok(encoded.drifts === undefined);
  assert.equal(encoded.avro.view().toString('hex'), `0276${'00'.repeat(schema.fields.length - 1)}`);
});
