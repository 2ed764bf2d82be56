import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../../../../core/json.ts';
import { differingFields } from '../../../../../operations/import/verify/compare-record.ts';
import type { ObjectName } from '../../../../../operations/import/record-kinds.ts';

const custom = [{ type: 'Integer', key: 'seats', value: 5 }];

const cases: readonly (readonly [
  what: string,
  ObjectName,
  sent: JsonObject,
  found: JsonObject,
  fields: string[],
])[] = [
  [
    'equal values',
    'plan',
    { name: 'Gold', interval_count: 1 },
    { name: 'Gold', interval_count: 1, uuid: 'pl_1' },
    [],
  ],
  ['different names', 'plan', { name: 'Gold' }, { name: 'Silver' }, ['name']],
  ['a value that is absent', 'customer', { company: 'A' }, {}, ['company']],
  [
    'the same instant in two formats',
    'invoice',
    { date: '2026-01-31 21:37:00' },
    { date: '2026-01-31T21:37:00.000Z' },
    [],
  ],
  [
    'the same instant in two time zones',
    'invoice',
    { date: '2026-01-31T22:37:00+01:00' },
    { date: '2026-01-31T21:37:00Z' },
    [],
  ],
  ['two different instants', 'invoice', { date: '2026-01-31' }, { date: '2026-02-01T00:00:00Z' }, ['date']],
  ['cents as text', 'line_item', { amount_in_cents: 5 }, { amount_in_cents: '5' }, ['amount_in_cents']],
  [
    'fields that ChartMogul does not return',
    'line_item',
    { invoice_external_id: 'i', plan_external_id: 'p' },
    {},
    [],
  ],
  [
    'different plans',
    'line_item',
    { plan_external_id: 'p' },
    { plan_external_id: 'q' },
    ['plan_external_id'],
  ],
  [
    'tags and attributes',
    'customer',
    { attributes: { tags: ['a'], custom } },
    { attributes: { tags: ['b', 'a'], custom: { seats: 5, more: 1 } } },
    [],
  ],
  [
    'a missing tag',
    'customer',
    { attributes: { tags: ['a'] } },
    { attributes: { tags: [], custom: {} } },
    ['attributes'],
  ],
  [
    'different attributes',
    'customer',
    { attributes: { custom } },
    { attributes: { tags: [], custom: { seats: 6 } } },
    ['attributes'],
  ],
];
for (const [what, object, sent, found, fields] of cases) {
  test(`differingFields compares ${what}`, () => {
    assert.deepEqual(differingFields(object, sent, found), fields);
  });
}
