import assert from 'node:assert/strict';
import test from 'node:test';
import { diffSchemas, type SchemaChange } from '../../../../operations/schemas/schema-diff.ts';
import { schemaFields, typeText } from '../../../../operations/schemas/schema-fields.ts';

function record(fields: readonly object[], more: object = {}) {
  return { type: 'record', name: 'Plan', namespace: 'chartmogul', fields, ...more };
}
const uuid = { name: 'uuid', type: 'string' };
const price = (...fields: object[]) => ({
  name: 'price',
  type: ['null', { type: 'record', name: 'Price', fields }],
  default: null,
});
const cents = { name: 'cents', type: 'long' };
const items = (...fields: object[]) => ({
  name: 'items',
  type: { type: 'array', items: { type: 'record', name: 'Item', fields } },
});

/** Formats a change as one line. */
function lineOf(change: SchemaChange): string {
  const { path } = change;
  if (change.kind !== 'changed')
    return `${change.kind === 'added' ? '+' : '-'} ${path}: ${change.field.type}`;
  return `~ ${path}: ${change.property} ${change.from ?? 'none'} → ${change.to ?? 'none'}`;
}

const cases: readonly (readonly [
  what: string,
  older: unknown,
  newer: unknown,
  changes: readonly string[],
])[] = [
  ['equal schemas', record([uuid]), record([uuid]), []],
  ['fields in a different order', record([uuid, cents]), record([cents, uuid]), []],
  ['a new field', record([uuid]), record([uuid, cents]), ['+ cents: long']],
  ['a removed field', record([uuid, cents]), record([uuid]), ['- cents: long']],
  [
    'a field that becomes nullable',
    record([cents]),
    record([{ ...cents, type: ['null', 'long'], default: null }]),
    ['~ cents: type long → long, nullable', '~ cents: default none → null'],
  ],
  [
    'a changed doc and changed aliases',
    record([{ ...uuid, doc: 'Id.' }]),
    record([{ ...uuid, doc: 'Id of the plan.', aliases: ['id'] }]),
    ['~ uuid: aliases none → id', '~ uuid: doc Id. → Id of the plan.'],
  ],
  ['a type written in full', record([{ ...uuid, type: { type: 'string' } }]), record([uuid]), []],
  [
    'a logical type',
    record([{ name: 'at', type: 'long' }]),
    record([{ name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } }]),
    ['~ at: type long → long (timestamp-millis)'],
  ],
  [
    'a new field of a nested record',
    record([price(cents)]),
    record([price(cents, { name: 'currency', type: 'string' })]),
    ['+ price.currency: string'],
  ],
  [
    'a changed field in array items',
    record([items(cents)]),
    record([items({ ...cents, type: 'double' })]),
    ['~ items[].cents: type long → double'],
  ],
  [
    'a new record with its fields',
    record([uuid]),
    record([uuid, price(cents)]),
    ['+ price: record Price, nullable', '+ price.cents: long'],
  ],
  [
    'the value type of a map',
    record([{ name: 'by', type: { type: 'map', values: 'long' } }]),
    record([{ name: 'by', type: { type: 'map', values: 'string' } }]),
    ['~ by: type map of long → map of string'],
  ],
  [
    'a new enum symbol',
    record([{ name: 'kind', type: { type: 'enum', name: 'Kind', symbols: ['A'] } }]),
    record([{ name: 'kind', type: { type: 'enum', name: 'Kind', symbols: ['A', 'B'] } }]),
    ['~ kind: type enum Kind (A) → enum Kind (A, B)'],
  ],
  [
    'a removed field of one record in a union',
    record([{ name: 'of', type: [record([cents], { name: 'A' }), record([cents], { name: 'B' })] }]),
    record([{ name: 'of', type: [record([cents], { name: 'A' }), record([], { name: 'B' })] }]),
    ['- of<B>.cents: long'],
  ],
  [
    'a record that is referenced by name',
    record([price(cents), { name: 'old', type: 'Price' }]),
    record([price(cents, uuid), { name: 'old', type: 'Price' }]),
    ['+ price.uuid: string', '+ old.uuid: string'],
  ],
  [
    'the record itself',
    record([uuid], { doc: 'A plan.', primaryKey: ['uuid'] }),
    record([uuid], { name: 'Plan2', primaryKey: ['uuid', 'date'] }),
    [
      '~ : name chartmogul.Plan → chartmogul.Plan2',
      '~ : doc A plan. → none',
      '~ : primary key uuid → uuid, date',
    ],
  ],
  [
    'a schema that is not a record',
    'string',
    record([uuid]),
    ['~ : type "string" → none', '~ : name none → chartmogul.Plan', '+ uuid: string'],
  ],
];
for (const [what, older, newer, changes] of cases) {
  test(`diffSchemas returns the changes for ${what}`, () => {
    assert.deepEqual(diffSchemas(older, newer).map(lineOf), changes);
  });
}

test('schemaFields stops at a record that contains itself', () => {
  const node = record([{ name: 'next', type: ['null', 'Plan'] }, cents]);
  assert.deepEqual(
    schemaFields(node).map(({ path }) => path),
    ['next', 'cents'],
  );
});

test('schemaFields accepts deeply nested schemas and values that are not schemas', () => {
  let type: object = record([cents]);
  for (let depth = 0; depth < 5_000; depth++) type = { type: 'array', items: type };
  assert.ok(schemaFields(record([{ name: 'deep', type }])).length >= 1);
  for (const none of [null, 7, [], [null], { type: 'record', fields: 3 }, { type: 'record', fields: [null] }])
    assert.deepEqual(schemaFields(none), []);
});

test('typeText distinguishes a nullable array from an array of nullable items', () => {
  const inner = { type: 'array', items: ['null', 'string'] };
  assert.equal(typeText(['null', inner]), 'array of (string, nullable), nullable');
});

test('typeText includes the precision and scale of a decimal', () => {
  assert.equal(
    typeText({ type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 }),
    'bytes (decimal 9, 2)',
  );
});
