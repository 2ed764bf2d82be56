import assert from 'node:assert/strict';
import test from 'node:test';
import type { StoredSchema } from '../../../../operations/schemas/schema-versions.ts';
import { withOrigins } from '../../../../operations/tables/table-schema.ts';

function version(
  number: number,
  ...fields: readonly (readonly [name: string, type: unknown])[]
): StoredSchema {
  const schema = { type: 'record', name: 'Plan', fields: fields.map(([name, type]) => ({ name, type })) };
  return { version: number, id: number + 40, type: 'AVRO', text: '', schema, fields: 0, changes: undefined };
}

const table = {
  name: 'plans',
  kind: 'view',
  columns: ['uuid', 'price', 'price__v_string', 'by_hand', '_changed_at'].map((name) => ({
    name,
    type: 'String',
    comment: '',
  })),
} as const;
const record = { type: 'record', name: 'Within', fields: [{ name: 'by_hand', type: 'long' }] };
const versions = [
  version(1, ['uuid', 'string'], ['price', 'long']),
  version(3, ['uuid', 'string'], ['price', ['null', 'long']], ['price__v_string', ['null', 'string']]),
  version(4, ['uuid', 'string'], ['price__v_string', ['null', 'string']], ['within', record]),
];

test('withOrigins names the first and latest versions whose field fills a column', () => {
  const { columns } = withOrigins(table, versions);
  assert.deepEqual(
    columns.map(({ name, origin }) => [name, origin]),
    [
      ['uuid', { type: 'string', since: 1, until: 4, isCurrent: true }],
      ['price', { type: 'long, nullable', since: 1, until: 3, isCurrent: false }],
      ['price__v_string', { type: 'string, nullable', since: 3, until: 4, isCurrent: true }],
      ['by_hand', null],
      ['_changed_at', null],
    ],
  );
  assert.deepEqual(
    columns.filter(({ isSystem }) => isSystem).map(({ name }) => name),
    ['_changed_at'],
  );
});

test('withOrigins leaves the origins unknown without schemas', () => {
  assert.ok(withOrigins(table, undefined).columns.every(({ origin }) => origin === undefined));
});
