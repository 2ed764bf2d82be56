import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { parseStreamSchema } from '../../../../core/avro/parse-schema.ts';
import { splitNullable, type AvroValueType, type StreamSchema } from '../../../../core/avro/schema.ts';
import { UnexpectedAnswerError, UnkeyedRecordError } from '../../../../core/errors.ts';
import { parseJson, type JsonObject, type JsonValue } from '../../../../core/json.ts';
import { evolve } from '../../../../producers/encode/drift.ts';
import { inferSchema } from '../../../../producers/encode/infer-schema.ts';
import { RecordEncoder } from '../../../../producers/encode/record-encoder.ts';

const json = { type: 'string', logicalType: 'json' } as const;
const instant = { type: 'long', logicalType: 'timestamp-millis' } as const;
const date = { type: 'int', logicalType: 'date' } as const;

/** Stands for a field that the record does not have. */
const absent = Symbol('absent');
const inferred = (values: readonly (JsonValue | typeof absent)[], primaryKey = ['uuid']): StreamSchema =>
  inferSchema({
    name: 'things',
    primaryKey,
    records: values.map((value) => ({ uuid: 'u', ...(value === absent ? {} : { f: value }) })),
  });

const fields: readonly (readonly [
  string,
  readonly (JsonValue | typeof absent)[],
  AvroValueType | undefined,
])[] = [
  ['integers', [1, 2n ** 60n, null, absent], 'long'],
  ['a fraction among integers', [1, 2.5], 'double'],
  ['integers beyond 64 bits', [2n ** 64n], json],
  ['numbers beyond exact integers', [1e300], 'double'],
  ['booleans', [true, false], 'boolean'],
  ['instants', ['2024-01-31T10:00:00.000Z', '2024-01-31 10:00:00 UTC'], instant],
  ['dates', ['2024-01-31', '2024-02-29'], date],
  ['dates among instants', ['2024-01-31', '2024-01-31T10:00:00Z'], instant],
  ['midnights', ['2024-01-31T00:00:00Z', '2024-02-01T00:00:00Z'], instant],
  ['dates and a date that does not exist', ['2024-01-31', '2024-02-30'], 'string'],
  ['an instant among other strings', ['soon', '2024-01-31T10:00:00Z'], 'string'],
  ['numeric strings', ['1', '2'], 'string'],
  ['strings', ['a', 'b'], 'string'],
  ['objects', [{ a: 1 }], json],
  ['arrays', [[1]], json],
  ['objects and arrays', [{}, []], json],
  ['a string followed by numbers', ['a', 1, 2], 'string'],
  ['a number, a string and a fraction', [1, 'a', 2.5], 'double'],
  ['a boolean followed by an object', [true, {}], 'boolean'],
  ['a date followed by a number', ['2024-01-31', 5], date],
  ['blanks and numbers', ['', 5], 'long'],
  ['blanks and dates', ['', '2024-01-31'], date],
  ['blanks', ['', ''], 'string'],
  ['nulls', [null, null, absent], undefined],
];
for (const [name, values, type] of fields) {
  const shown = typeof type === 'object' && 'logicalType' in type ? type.logicalType : type;
  test(`a field of ${name} is ${type === undefined ? 'left out' : `a nullable ${String(shown)}`}`, () => {
    const field = inferred(values).fields.find((candidate) => candidate.name === 'f');
    assert.deepEqual(field, type && { name: 'f', type: ['null', type], default: null });
  });
}

const keys: readonly (readonly [string, readonly (JsonValue | typeof absent)[], AvroValueType])[] = [
  ['strings', ['a', 'b'], 'string'],
  ['numeric strings', ['5', '005'], 'string'],
  ['integers', [5, 2n ** 60n], 'long'],
  ['integers, some of them as strings', [5, '6', ''], 'long'],
  ['integers and words', [5, 'five'], 'string'],
  ['integers and a string with an integer that is too large', [5, '9223372036854775808'], 'string'],
  ['dates', ['2024-01-31', '', '2024-02-29'], date],
  ['dates and instants', ['2024-01-31', '2024-01-31T10:00:00Z'], 'string'],
  ['instants', ['2024-01-31T10:00:00Z'], 'string'],
  ['strings that some records lack', [absent, null, {}, 0.5, 'a'], 'string'],
  ['blanks', [''], 'string'],
];
for (const [name, values, type] of keys) {
  test(`a key of ${name} is a non-null ${typeof type === 'string' ? type : 'date'}`, () => {
    assert.deepEqual(inferred(values, ['f']).fields[0], { name: 'f', type });
  });
}

const unusable: readonly (readonly (JsonValue | typeof absent)[])[] = [
  [absent],
  [null, absent],
  [{}, [], true, 0.5, 2n ** 64n],
];
for (const [index, values] of unusable.entries()) {
  test(`sample ${index + 1} without a usable key causes an error that names stream, field and setting`, () => {
    assert.throws(
      () => inferred(values, ['f']),
      (error) =>
        error instanceof UnexpectedAnswerError &&
        ['things', ' f,', '`primaryKey`'].every((word) => error.message.includes(word)),
    );
  });
}

test('the key comes first, followed by the other fields in order of appearance', () => {
  const { primaryKey, fields: found } = inferSchema({
    name: 'things',
    primaryKey: ['day', 'customer-uuid'],
    records: [
      { b: 1, 'customer-uuid': 'c', later: null },
      { a: 1, b: 2, day: '2024-01-31', _version: 3 },
      { later: 'x', 'customer-uuid': 'd' },
    ],
  });
  assert.deepEqual(primaryKey, ['day', 'customer_uuid']);
  assert.deepEqual(
    found.map(({ name }) => name),
    ['day', 'customer_uuid', 'b', 'a', '__version', 'later'],
  );
});

test('if two source keys map to one field, the key that the encoder uses determines the type', () => {
  const record = { uuid: 'u', 'a-b': 'text', a_b: 1, 'c-d': true, 'c d': 2.5, e_f: 1, 'e f': 'text' };
  const schema = inferSchema({ name: 'things', primaryKey: ['uuid'], records: [record] });
  assert.deepEqual(
    schema.fields.slice(1).map(({ name, type }) => [name, splitNullable(type).valueType]),
    [
      ['a_b', 'long'],
      ['c_d', 'double'],
      ['e_f', 'long'],
    ],
  );
  const { discarded } = new RecordEncoder(schema).encodeDiscarding(record);
  assert.deepEqual(
    discarded.map(({ name }) => name),
    ['a_b_', 'c_d_', 'e_f_'],
  );
});

test('an empty sample yields only the key', () => {
  const schema = inferSchema({ name: 'things', primaryKey: ['a', 'b-c', 'a'], records: [] });
  assert.deepEqual(schema.fields, [
    { name: 'a', type: 'string' },
    { name: 'b_c', type: 'string' },
  ]);
  assert.deepEqual(schema.primaryKey, ['a', 'b_c']);
});

for (const name of ['string', 'record', 'null', 'a']) {
  test(`inferSchema accepts the stream name ${name}`, () => {
    const schema = inferSchema({ name, primaryKey: ['uuid'], records: [] });
    assert.deepEqual(parseStreamSchema(JSON.stringify(schema), 'here'), schema);
  });
}

const aKey = fc.oneof(
  fc.constantFrom(
    'id',
    'id_',
    'i d',
    'day',
    'a-b',
    'a_b',
    'a b',
    'a_b__v_json',
    '_version',
    '1st',
    'größe',
    '',
  ),
  fc.string({ maxLength: 5 }),
);
const aValue: fc.Arbitrary<JsonValue> = fc.oneof(
  fc.json({ maxDepth: 2 }).map(parseJson),
  fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }).map((value) => parseJson(String(value))),
  fc.constantFrom<JsonValue>('', '5', '2024-01-31', '2024-02-30', '2024-01-31T10:00:00Z', 0.5, 7, null),
);
const aSample = fc.array(
  fc.dictionary(aKey, aValue, { maxKeys: 6, noNullPrototype: true }).chain((record) =>
    fc
      .record(
        {
          id: fc.oneof({ arbitrary: fc.nat(), weight: 3 }, fc.string(), aValue),
          day: fc.oneof({ arbitrary: fc.constant('2024-01-31'), weight: 2 }, aValue),
        },
        { noNullPrototype: true },
      )
      .map((key): JsonObject => ({ ...record, ...key })),
  ),
  { maxLength: 5 },
);

/**
 * Returns whether the record can be encoded after any number of schema changes, which requires a
 * usable key.
 */
function isEncodable(start: StreamSchema, record: JsonObject): boolean {
  let encoder = new RecordEncoder(start);
  for (let round = 0; round < 50; round++) {
    try {
      const { drifts } = encoder.encode(record);
      if (drifts === undefined) return true;
      encoder = new RecordEncoder(evolve(encoder.schema, drifts));
    } catch (error) {
      if (error instanceof UnkeyedRecordError) return false;
      throw error;
    }
  }
  throw new Error('evolution does not end');
}

function isKeyed(schema: StreamSchema, record: JsonObject): boolean {
  try {
    new RecordEncoder(schema).keyOf(record);
    return true;
  } catch (error) {
    assert.ok(error instanceof UnkeyedRecordError);
    return false;
  }
}

test('any sample with a key yields a valid schema that encodes each keyed record', () => {
  let [encoded, keyless, refused] = [0, 0, 0];
  fc.assert(
    fc.property(aSample, fc.constantFrom(['id'], ['day'], ['id', 'day']), (records, primaryKey) => {
      let schema: StreamSchema;
      try {
        schema = inferSchema({ name: 'things', primaryKey, records });
      } catch (error) {
        assert.ok(error instanceof UnexpectedAnswerError);
        refused++;
        return;
      }
      assert.deepEqual(parseStreamSchema(JSON.stringify(schema), 'here'), schema);
      const keyed = records.filter((record) => isKeyed(schema, record));
      assert.deepEqual(
        records.filter((record) => isEncodable(schema, record)),
        keyed,
      );
      if (primaryKey.length === 1 && records.length > 0) assert.ok(keyed.length > 0);
      encoded += keyed.length;
      keyless += records.length - keyed.length;
    }),
    { numRuns: 500, endOnFailure: true },
  );
  assert.ok(
    Math.min(encoded, keyless, refused) > 0,
    `${encoded} encoded, ${keyless} not, ${refused} refused`,
  );
});
