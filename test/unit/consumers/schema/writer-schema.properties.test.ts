import fc from 'fast-check';
import assert from 'node:assert/strict';
import test from 'node:test';
import type { WriterType } from '../../../../consumers/schema/writer-type.ts';
import { parseWriterSchema } from '../../../../consumers/schema/writer-schema.ts';
import { readStreamSchema, streamNames } from '../../../../core/avro/schema-files.ts';
import { IncompatibleSchemaError } from '../../../../core/errors.ts';
import { avscType, schemas } from '../../../fixtures/avro-schemas.ts';

function parsed(schema: unknown) {
  return parseWriterSchema(JSON.stringify(schema), 'schema 7');
}

function typeOf(type: unknown): WriterType {
  const [field] = parsed({ type: 'record', name: 'T', fields: [{ name: 'a', type }] }).fields;
  assert.ok(field);
  return field.type;
}

for (const stream of streamNames) {
  test(`parseWriterSchema keeps the primary key and the field names of ${stream}`, () => {
    const own = readStreamSchema(stream);
    const schema = parsed(own);
    assert.deepEqual(schema.primaryKey, own.primaryKey);
    assert.deepEqual(
      schema.fields.map(({ name }) => name),
      own.fields.map(({ name }) => name),
    );
  });
}

test('parseWriterSchema accepts every schema that avsc accepts', () => {
  fc.assert(
    fc.property(schemas, (schema) => {
      avscType(schema);
      assert.equal(parsed(schema).fields.length, schema.fields?.length);
    }),
    { numRuns: 200 },
  );
});

test('parseWriterSchema either accepts JSON or throws an IncompatibleSchemaError', () => {
  const words = fc.constantFrom<unknown>(
    'record',
    'array',
    'map',
    'enum',
    'fixed',
    'int',
    'null',
    'T',
    1,
    null,
    true,
  );
  const { json } = fc.letrec<{ json: unknown }>((tie) => ({
    json: fc.oneof(
      { maxDepth: 5 },
      words,
      fc.array(tie('json'), { maxLength: 3 }),
      fc.record(
        {
          type: tie('json'),
          name: words,
          fields: tie('json'),
          items: tie('json'),
          values: tie('json'),
          symbols: tie('json'),
          size: words,
        },
        { requiredKeys: ['type'], noNullPrototype: true },
      ),
    ),
  }));
  fc.assert(
    fc.property(json, (type) => {
      try {
        typeOf(type);
      } catch (error) {
        assert.ok(error instanceof IncompatibleSchemaError);
      }
    }),
    { numRuns: 1000 },
  );
});
