import assert from 'node:assert/strict';
import test from 'node:test';
import type { StreamSchema } from '../../../../core/avro/schema.ts';
import type { JsonValue } from '../../../../core/json.ts';
import { driftName, evolve, kindOf, withLearnedFields } from '../../../../producers/encode/drift.ts';
import { RecordEncoder } from '../../../../producers/encode/record-encoder.ts';

const schema: StreamSchema = {
  type: 'record',
  name: 'T',
  primaryKey: ['uuid'],
  fields: [
    { name: 'uuid', type: 'string' },
    {
      name: 'items',
      type: ['null', { type: 'array', items: ['null', { type: 'record', name: 'I', fields: [] }] }],
    },
  ],
};
const drifts = [
  { path: [], name: 'new', kind: 'json' },
  { path: ['items'], name: 'price', kind: 'long' },
  { path: [], name: 'new', kind: 'string' },
] as const;

test('a learned field is added once, as a nullable field after the existing fields', () => {
  const learned = evolve(schema, drifts);
  const added = { default: null, doc: 'Added for a field or value that the schema lacked.' };
  const price = { name: 'price', type: ['null', 'long'], ...added };
  assert.deepEqual(learned.fields, [
    schema.fields[0],
    {
      name: 'items',
      type: ['null', { type: 'array', items: ['null', { type: 'record', name: 'I', fields: [price] }] }],
    },
    { name: 'new', type: ['null', { type: 'string', logicalType: 'json' }], ...added },
  ]);
  assert.deepEqual(evolve(learned, drifts), learned);
});

test('fields learned by an earlier run stay known at every depth', () => {
  const learned = evolve(schema, drifts);
  assert.deepEqual(withLearnedFields(schema, learned), learned);
  assert.deepEqual(withLearnedFields(learned, schema), learned);
});

const kinds: readonly (readonly [NonNullable<JsonValue>, string])[] = [
  ['', 'string'],
  [true, 'bool'],
  [5, 'long'],
  [-0, 'long'],
  [0.5, 'double'],
  [1e300, 'double'],
  [2n ** 63n - 1n, 'long'],
  [-(2n ** 63n) - 1n, 'json'],
  [[], 'json'],
  [{}, 'json'],
];
for (const [value, kind] of kinds) {
  test(`kindOf returns ${kind} for the ${typeof value} ${String(value)}`, () =>
    assert.equal(kindOf(value), kind));
}

test('a field keeps its stored type when the schema file specifies another', () => {
  const file: StreamSchema = {
    ...schema,
    fields: [...schema.fields, { name: 'new', type: ['null', 'long'], default: null }],
  };
  const merged = withLearnedFields(file, evolve(schema, drifts));
  assert.deepEqual(merged.fields.find(({ name }) => name === 'new')?.type, [
    'null',
    { type: 'string', logicalType: 'json' },
  ]);
});

test('the full name of a drifted field contains the whole path', () => {
  assert.deepEqual(
    [['line_items', 'period'], []].map((path) => driftName({ path, name: 'end', kind: 'string' })),
    ['line_items.period.end', 'end'],
  );
});

const known: StreamSchema = {
  ...schema,
  fields: [
    { name: 'uuid', type: 'string' },
    { name: 'cents', type: ['null', 'long'], default: null },
    { name: 'text', type: ['null', 'string'], default: null },
    { name: 'tags', type: ['null', { type: 'array', items: ['null', 'string'] }], default: null },
    {
      name: 'items',
      type: [
        'null',
        {
          type: 'array',
          items: [
            'null',
            {
              type: 'record',
              name: 'I',
              fields: [{ name: 'quantity', type: ['null', 'long'], default: null }],
            },
          ],
        },
      ],
      default: null,
    },
  ],
};

test('discard keeps the fields of the schema and names the others', () => {
  const { key, avro, discarded } = new RecordEncoder(known).encodeDiscarding({
    uuid: 'u',
    new: { a: 1 },
    empty: null,
    cents: 'ten',
    text: 'kept',
    tags: ['a', 1],
    items: [{ price: 1, quantity: 2 }, { price: 'x' }],
  });
  assert.deepEqual(discarded.map((drift) => `${driftName(drift)} ${drift.kind}`).sort(), [
    'cents__v_string string',
    'items.price long',
    'items.price string',
    'new json',
    'tags__v_json json',
  ]);
  const kept = new RecordEncoder(known).encodeDiscarding({
    uuid: 'u',
    text: 'kept',
    items: [{ quantity: 2 }, {}],
  });
  assert.deepEqual(
    { key, avro: avro.view().toString('hex') },
    { key: 'u', avro: kept.avro.view().toString('hex') },
  );
  assert.deepEqual(kept.discarded, []);
});

test('an array that moves to its variant field adds no fields for its items', () => {
  const record = { uuid: 'u', items: [{ unknown: 1 }, 5] };
  const { drifts = [] } = new RecordEncoder(known).encode(record);
  assert.deepEqual(drifts.map(driftName), ['items__v_json']);
  assert.deepEqual(new RecordEncoder(evolve(known, drifts)).encodeDiscarding(record).discarded, []);
});
