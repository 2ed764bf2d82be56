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
  test(`the type ${JSON.stringify(type)} is unchanged`, () => {
    const schema = schemaOf(type);
    assert.deepEqual(parseStreamSchema(JSON.stringify(schema), 'x'), schema);
  });
}

const refused: readonly (readonly [string, unknown])[] = [
  ['a type of Avro that is not written', schemaOf('bytes')],
  ['a float', schemaOf('float')],
  [
    'a list whose items have no bytes',
    schemaOf({ type: 'array', items: { type: 'record', name: 'E', fields: [] } }),
  ],
  ['a map', schemaOf({ type: 'map', values: 'string' })],
  ['an enum', schemaOf({ type: 'enum', name: 'E', symbols: ['A'] })],
  ['a union of two', schemaOf(['string', 'long'])],
  ['a union with null last', schemaOf(['string', 'null'])],
  ['a union of three', schemaOf(['null', 'string', 'long'])],
  ['a union of null alone', schemaOf(['null'])],
  ['another logical type', schemaOf({ type: 'long', logicalType: 'timestamp-micros' })],
  ['a logical type of another type', schemaOf({ type: 'string', logicalType: 'date' })],
  ['a record that holds itself', schemaOf(['null', 'T'])],
  ['a name that Avro forbids', { ...schemaOf('string'), fields: [uuid, { name: 'a-b', type: 'string' }] }],
  ['a duplicate field', { ...schemaOf('string'), fields: [uuid, uuid] }],
  ['no record', 'string'],
  ['nothing', null],
  ['no key', { ...schemaOf('string'), primaryKey: undefined }],
  ['an empty key', { ...schemaOf('string'), primaryKey: [] }],
  ['a key that is not a field', { ...schemaOf('string'), primaryKey: ['b'] }],
  ['a key of another form', { ...schemaOf('string'), primaryKey: 'uuid' }],
  ['a key that may be null', { ...schemaOf(['null', 'string']), primaryKey: ['a'] }],
  ['a key that is a list', { ...schemaOf({ type: 'array', items: 'string' }), primaryKey: ['a'] }],
];
for (const [name, schema] of refused) {
  test(`the error for a schema with ${name} names its origin`, () => {
    assert.throws(
      () => parseStreamSchema(JSON.stringify(schema), 'subject x, id 7'),
      (error) => {
        return error instanceof IncompatibleSchemaError && error.message.startsWith('subject x, id 7');
      },
    );
  });
}

test('the error for text that is not JSON names its origin', () => {
  assert.throws(() => parseStreamSchema('{', 'file x'), /^IncompatibleSchemaError: file x is not/);
});
