import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { checkRecord, valuesOfCells } from '../../../../operations/import/check-record.ts';
import { faultLines, FaultList } from '../../../../operations/import/faults.ts';
import { parseJson, type JsonObject } from '../../../../core/json.ts';
import { objectNames } from '../../../../operations/import/record-kinds.ts';

const customer = { object: 'customer', external_id: 'c1', name: 'Ada' };
const plan = { object: 'plan', external_id: 'p1', name: 'Gold', interval_count: 1, interval_unit: 'month' };
const invoice = {
  object: 'invoice',
  external_id: 'i1',
  customer_external_id: 'c1',
  date: '2026-01-31 21:37:00',
  currency: 'EUR',
};
const lineItem = {
  object: 'line_item',
  invoice_external_id: 'i1',
  type: 'subscription',
  subscription_external_id: 's1',
  plan_external_id: 'p1',
  service_period_start: '2026-01-31',
  service_period_end: '2026-02-28T00:00:00+01:00',
  amount_in_cents: -5000,
};
const oneTime = { object: 'line_item', invoice_external_id: 'i1', type: 'one_time', amount_in_cents: 0 };
const transaction = {
  object: 'transaction',
  invoice_external_id: 'i1',
  type: 'refund',
  date: '2026-02-01',
  result: 'failed',
};
const event = {
  object: 'subscription_event',
  external_id: 'e1',
  customer_external_id: 'c1',
  event_type: 'subscription_cancelled',
  event_date: '2026-02-01',
  effective_date: '2026-02-01',
  subscription_external_id: 's1',
};

const valid: readonly JsonObject[] = [
  customer,
  {
    ...customer,
    email: null,
    country: 'DE',
    attributes: { tags: ['a'], custom: [{ key: 'k', value: 1.5 }] },
  },
  plan,
  invoice,
  lineItem,
  oneTime,
  transaction,
  event,
  { ...event, event_type: 'subscription_event_retracted', subscription_external_id: null },
];
for (const record of valid) {
  test(`a valid ${String(record['object'])} with ${Object.keys(record).length} fields has no faults`, () => {
    const { record: checked } = checkRecord(7, record);
    const given = Object.entries(record).filter(([name, value]) => name !== 'object' && value !== null);
    assert.deepEqual(checked?.fields, Object.fromEntries(given));
  });
}

const faulty: readonly (readonly [what: string, record: JsonObject, ...faults: string[]])[] = [
  [
    'no object',
    {},
    'object: must be one of customer, plan, invoice, line_item, transaction, subscription_event; got none',
  ],
  [
    'an unknown object',
    { object: 'constructor' },
    'object: must be one of customer, plan, invoice, line_item, transaction, subscription_event; got "constructor"',
  ],
  ['no name', { ...customer, name: null }, 'customer, name: is missing'],
  ['a blank name', { ...customer, name: '  ' }, 'customer, name: must be text that is not blank'],
  ['a number as a name', { ...customer, name: 5 }, 'customer, name: must be text that is not blank'],
  [
    'half a surrogate pair',
    { ...customer, name: '\ud800' },
    'customer, name: must be text that is not blank',
  ],
  [
    'a space at the end of an id',
    { ...customer, external_id: 'c1 ' },
    'customer, external_id: must be text without leading or trailing spaces',
  ],
  ['an invalid e-mail address', { ...customer, email: 'ada' }, 'customer, email: must be an e-mail address'],
  [
    'a misspelled field',
    { ...customer, emial: 'a@b' },
    'customer, emial: is not a field of this object: did you mean email?',
  ],
  [
    'a field of another object',
    { ...customer, amount_in_cents: 1 },
    'customer, amount_in_cents: is not a field of this object',
  ],
  [
    'a field named __proto__',
    parseJson('{"object":"customer","external_id":"c","name":"n","__proto__":1}') as JsonObject,
    'customer, __proto__: is not a field of this object',
  ],
  [
    'a country name instead of a code',
    { ...customer, country: 'Germany' },
    'customer, country: must be a two-letter ISO 3166 code in upper case, such as DE; got "Germany"',
  ],
  [
    'malformed attributes',
    { ...customer, attributes: { tags: 'a' } },
    'customer, attributes: must be a JSON object with a "tags" list, a "custom" list, or both',
  ],
  [
    'an interval of 0',
    { ...plan, interval_count: 0 },
    'plan, interval_count: must be an integer of at least 1; got 0',
  ],
  [
    'an unknown unit',
    { ...plan, interval_unit: 'week' },
    'plan, interval_unit: must be one of day, month, year; got "week"',
  ],
  [
    'a day that does not exist',
    { ...invoice, date: '2026-02-30' },
    'invoice, date: must be a date such as 2026-01-31, or a time such as 2026-01-31 21:37:00; got "2026-02-30"',
  ],
  [
    'a currency in lower case',
    { ...invoice, currency: 'eur' },
    'invoice, currency: must be an ISO 4217 code in upper case, such as EUR; got "eur"',
  ],
  [
    'an unknown currency',
    { ...invoice, currency: 'XQQ' },
    'invoice, currency: must be an ISO 4217 code in upper case, such as EUR; got "XQQ"',
  ],
  [
    'a fraction of a cent',
    { ...lineItem, amount_in_cents: 9.5 },
    'line_item, amount_in_cents: must be an integer, in cents; got 9.5',
  ],
  [
    'cents as text',
    { ...lineItem, amount_in_cents: '9' },
    'line_item, amount_in_cents: must be an integer, in cents; got "9"',
  ],
  [
    'cents beyond 2^53',
    { ...lineItem, amount_in_cents: parseJson('9007199254740993') },
    'line_item, amount_in_cents: must be an integer, in cents; got 9007199254740993',
  ],
  [
    'an end before the start',
    { ...lineItem, service_period_end: '2026-01-30' },
    'line_item, service_period_end: must be later than service_period_start',
  ],
  [
    'a subscription that has neither a plan nor a start date',
    { ...lineItem, plan_external_id: null, service_period_start: null },
    'line_item, plan_external_id: is missing',
    'line_item, service_period_start: is missing',
  ],
  [
    'an unknown result',
    { ...transaction, result: 'ok' },
    'transaction, result: must be one of successful, failed; got "ok"',
  ],
  [
    'a subscription start without a price',
    { ...event, event_type: 'subscription_start' },
    'subscription_event, plan_external_id: is missing',
    'subscription_event, currency: is missing',
    'subscription_event, amount_in_cents: is missing',
  ],
];
for (const [what, record, ...expected] of faulty) {
  test(`a record with ${what} is reported with its line and field`, () => {
    const { faults = [] } = checkRecord(7, record);
    const list = new FaultList();
    list.add(...faults);
    assert.deepEqual(
      faultLines(list),
      expected.map((fault) => `line 7, ${fault}`),
    );
  });
}

test('cells of a CSV file become numbers, booleans and JSON where the field requires them', () => {
  const names = ['object', 'type', 'amount_in_cents', 'prorated', 'description', 'quantity'];
  assert.deepEqual(valuesOfCells(names, ['line_item', 'one_time', '-12', 'true', '7', 'x']), {
    object: 'line_item',
    type: 'one_time',
    amount_in_cents: -12,
    prorated: true,
    description: '7',
    quantity: 'x',
  });
  const values = valuesOfCells(['object', 'name', 'attributes'], ['customer', '', '{"tags":["a"]}']);
  assert.deepEqual(values, { object: 'customer', attributes: { tags: ['a'] } });
});

test('FaultList lists the first 100 faults in line order and counts the rest', () => {
  const list = new FaultList();
  for (let line = 30_000; line > 0; line--)
    list.add({ line, object: 'plan', field: 'name', message: 'is missing' });
  const lines = faultLines(list);
  assert.equal(lines.length, 101);
  assert.equal(lines[0], 'line 1, plan, name: is missing');
  assert.equal(lines[99], 'line 100, plan, name: is missing');
  assert.equal(lines[100], 'and 29,900 more');
});

test('the example docs/how-to/import.ndjson contains every kind of record and no faults', () => {
  const example = readFileSync(new URL('../../../../docs/how-to/import.ndjson', import.meta.url), 'utf8');
  const records = example
    .trim()
    .split('\n')
    .map((line, index) => checkRecord(index + 1, parseJson(line) as JsonObject));
  assert.deepEqual(
    records.flatMap(({ faults = [] }) => faults),
    [],
  );
  assert.deepEqual(new Set(records.map(({ record }) => record?.object)), new Set(objectNames));
});
