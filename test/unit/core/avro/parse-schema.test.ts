import assert from 'node:assert/strict';
import test from 'node:test';
import { parseStreamSchema } from '../../../../core/avro/parse-schema.ts';
import { IncompatibleSchemaError } from '../../../../core/errors.ts';

const uuid = { name: 'uuid', type: 'string' };
const schemaOf = (type: unknown) => ({
  type: 'record',
  name: 'T',
  primaryKey: ['uuid'],
  fields: [uuid, { name: 'a', type }],
});

const supported: readonly unknown[] = [
  ...[
    'string',
    'long',
    'int',
    'double',
    'boolean',
    ['null', 'string'],
    { type: 'array', items: ['null', 'long'] },
  ],
  { type: 'long', logicalType: 'timestamp-millis' },
  ['null', { type: 'int', logicalType: 'date' }],
  { type: 'string', logicalType: 'json' },
  { type: 'record', name: 'R', fields: [{ name: 'x', type: { type: 'array', items: 'string' } }] },
];
for (const type of supported) {
  test(`parseStreamSchema keeps the type ${JSON.stringify(type)} unchanged`, () => {
    const schema = schemaOf(type);
    assert.deepEqual(parseStreamSchema(JSON.stringify(schema), 'x'), schema);
  });
}

const refused: readonly (readonly [string, unknown])[] = [
  ['an Avro type that the producer does not write', schemaOf('bytes')],
  ['a float', schemaOf('float')],
  [
    'an array whose items occupy no bytes',
    schemaOf({ type: 'array', items: { type: 'record', name: 'E', fields: [] } }),
  ],
  ['a map', schemaOf({ type: 'map', values: 'string' })],
  ['an enum', schemaOf({ type: 'enum', name: 'E', symbols: ['A'] })],
  ['a union of two types', schemaOf(['string', 'long'])],
  ['a union with null last', schemaOf(['string', 'null'])],
  ['a union of three types', schemaOf(['null', 'string', 'long'])],
  ['a union of null alone', schemaOf(['null'])],
  ['an unsupported logical type', schemaOf({ type: 'long', logicalType: 'timestamp-micros' })],
  ['a logical type on the wrong base type', schemaOf({ type: 'string', logicalType: 'date' })],
  ['a record that contains itself', schemaOf(['null', 'T'])],
  [
    'a field name that Avro forbids',
    { ...schemaOf('string'), fields: [uuid, { name: 'a-b', type: 'string' }] },
  ],
  ['a duplicate field', { ...schemaOf('string'), fields: [uuid, uuid] }],
  ['a schema that is not a record', 'string'],
  ['null', null],
  ['a missing primary key', { ...schemaOf('string'), primaryKey: undefined }],
  ['an empty primary key', { ...schemaOf('string'), primaryKey: [] }],
  ['a primary key that is not a field', { ...schemaOf('string'), primaryKey: ['b'] }],
  ['a primary key that is not a list', { ...schemaOf('string'), primaryKey: 'uuid' }],
  ['a nullable primary key', { ...schemaOf(['null', 'string']), primaryKey: ['a'] }],
  ['a primary key of type array', { ...schemaOf({ type: 'array', items: 'string' }), primaryKey: ['a'] }],
];
for (const [name, schema] of refused) {
  test(`parseStreamSchema rejects ${name} and names the origin of the schema`, () => {
    assert.throws(
      () => parseStreamSchema(JSON.stringify(schema), 'subject x, id 7'),
      (error) => {
        return error instanceof IncompatibleSchemaError && error.message.startsWith('subject x, id 7');
      },
    );
  });
}

test('parseStreamSchema rejects text that is not JSON and names the origin of the text', () => {
  assert.throws(() => parseStreamSchema('{', 'file x'), /^IncompatibleSchemaError: file x is not/);
});
