import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { systemColumns } from '../../../../consumers/table/stored-columns.ts';
import { fieldNameOf } from '../../../../core/avro/field-name.ts';

const names: readonly (readonly [string, string])[] = [
  ['customer-since', 'customer_since'],
  ['lead_created_at', 'lead_created_at'],
  ['a.b c', 'a_b_c'],
  ['größe', 'gr__e'],
  ['1st', '_1st'],
  ['', '_'],
];
for (const [key, name] of names) {
  test(`fieldNameOf maps the key "${key}" to ${name}`, () => assert.equal(fieldNameOf(key), name));
}

test('fieldNameOf returns a name that Avro allows and that no system column has', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (key) => assert.match(fieldNameOf(key), /^[A-Za-z_]\w*$/)),
  );
  for (const { name } of systemColumns) assert.notEqual(fieldNameOf(name), name);
});
