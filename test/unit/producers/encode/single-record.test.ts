import assert from 'node:assert/strict';
import test from 'node:test';
import type { StreamSchema } from '../../../../core/avro/schema.ts';
import { readStreamSchema } from '../../../../core/avro/schema-files.ts';
import type { JsonObject } from '../../../../core/json.ts';
import { RecordEncoder } from '../../../../producers/encode/record-encoder.ts';
import { sourceList } from '../../../../producers/chartmogul/source-list.ts';
import { withSingleKey } from '../../../../producers/encode/single-record.ts';
import { specOf } from '../../../helpers/stream-reading.ts';

const account = specOf('account');
const schema = readStreamSchema('account');
const list = sourceList(account, '/account');
const keyOf = (record: JsonObject) =>
  new RecordEncoder(schema).keyOf(withSingleKey(record, list, account, schema));

const name = 'Acme';
const accounts: readonly (readonly [JsonObject, string])[] = [
  [{ id: 'acc_1', name }, 'acc_1'],
  [{ name }, 'account'],
  [{ id: null, name }, 'account'],
  [{ id: '', name }, 'account'],
  [{ id: ' \t', name }, 'account'],
  [{ id: 12, name }, '12'],
  [{ id: 2n ** 60n, name }, String(2n ** 60n)],
];
for (const [record, key] of accounts)
  test(`the account ${Object.hasOwn(record, 'id') ? `with the id ${JSON.stringify(String(record['id']))}` : 'without an id'} has the key ${key}`, () => {
    assert.equal(keyOf(record), key);
  });

for (const record of [
  {},
  { id: null },
  { id: null, error: 'x' },
  { name: null },
  { id: {}, name },
  { id: true, name },
])
  test(`${JSON.stringify(record)} has no constant key, because it may not be an account`, () => {
    assert.throws(() => keyOf(record), /the record has no usable id/);
  });

test('a record in a list requires its own key', () => {
  const plans = specOf('plans');
  const record = { name };
  assert.equal(withSingleKey(record, sourceList(plans, '/plans'), plans, readStreamSchema('plans')), record);
});

const custom = (
  keyType: StreamSchema['fields'][number]['type'],
  primaryKey: readonly string[] = ['the_id'],
) =>
  ({
    ...schema,
    primaryKey,
    fields: [
      ...primaryKey.map((field) => ({
        name: field,
        type: field === 'the_id' ? keyType : ('string' as const),
      })),
      { name: 'name', type: ['null', 'string'] as const, default: null },
    ],
  }) satisfies StreamSchema;

const keyed = (record: JsonObject, known: StreamSchema, parent?: typeof account.parent) =>
  new RecordEncoder(known).keyOf(
    withSingleKey(
      record,
      list,
      { name: 'usage', primaryKey: known.primaryKey, ...(parent && { parent }) },
      known,
    ),
  );

test('withSingleKey adds a constant of any key type, and keeps a key in another spelling', () => {
  assert.equal(keyed({ name }, custom('long')), '0');
  assert.equal(keyed({ name }, custom({ type: 'int', logicalType: 'date' })), '1970-01-01');
  assert.equal(keyed({ name, 'the-id': 'x' }, custom('string')), 'x');
  assert.equal(keyed({ name, 'the-id': ' ' }, custom('string')), 'usage');
  assert.equal(keyed({ name, region: 'eu' }, custom('string', ['region', 'the_id'])), 'eu|usage');
});

test('the record of a parent has a constant key only in combination with the key of the parent', () => {
  const parent = { stream: 'customers', field: 'customer_uuid', visit: 'changed' } as const;
  const record = { name, customer_uuid: 'cus_1' };
  assert.equal(keyed(record, custom('string'), parent), 'cus_1');
  assert.equal(keyed(record, custom('long', ['customer_uuid', 'the_id']), parent), 'cus_1|0');
  assert.throws(() => keyed(record, custom('long'), parent), /has no usable the_id/);
});

test('without a schema, withSingleKey adds a string as the key, and keeps a number', () => {
  const spec = { name: 'usage', primaryKey: ['the_id'] };
  assert.deepEqual(withSingleKey({ name }, list, spec, undefined), { name, the_id: 'usage' });
  assert.deepEqual(withSingleKey({ name, the_id: 5 }, list, spec, undefined), { name, the_id: 5 });
});
