import assert from 'node:assert/strict';
import test from 'node:test';
import { parseWriterSchema } from '../../../../consumers/schema/writer-schema.ts';
import { IncompatibleSchemaError } from '../../../../core/errors.ts';

const top = (fields: unknown, more = {}) => ({ type: 'record', name: 'T', fields, ...more });

const unfit: readonly (readonly [string, unknown, RegExp])[] = [
  [
    'a field name with a hyphen',
    top([{ name: 'customer-since', type: 'int' }]),
    /^schema 7, field customer-since: .*rename the field$/,
  ],
  ['a field name with a dot', top([{ name: 'a.b', type: 'int' }]), /field a\.b: .*rename/],
  ['a field name with a leading digit', top([{ name: '1st', type: 'int' }]), /field 1st: .*rename/],
  ['a field name with non-ASCII letters', top([{ name: 'größe', type: 'int' }]), /field größe: .*rename/],
  [
    'a nested field name with non-ASCII letters',
    top([{ name: 'a', type: { type: 'map', values: top([{ name: '日本', type: 'int' }], { name: 'R' }) } }]),
    /field a\{\}\.日本: .*rename/,
  ],
  ['a field name with a control sequence', top([{ name: 'a\u001b[2J\n', type: 'int' }]), /field a�\[2J�: /],
  [
    'a field name of a million letters',
    top([{ name: 'ü'.repeat(1e6), type: 'int' }]),
    /field ü{200}…: .*rename/,
  ],
  ['a field name that is not text', top([{ name: 7, type: 'int' }]), /a field without a name/],
  ['text in place of a field', top(['a']), /a field without a name/],
  [
    'the field name _version',
    top([{ name: '_version', type: 'long' }]),
    /field _version: the sink reserves.*rename the field/,
  ],
  [
    'the field name _row_exists',
    top([{ name: '_row_exists', type: 'long' }]),
    /field _row_exists: ClickHouse reserves/,
  ],
  [
    'the field name _table_0123abcd',
    top([{ name: '_table_0123abcd', type: 'long' }]),
    /field _table_0123abcd: .* reserves/,
  ],
  [
    'a primary key in a nested record',
    top([{ name: 'a', type: top([{ name: 'b', type: 'int' }], { name: 'R' }) }], { primaryKey: ['a.b'] }),
    /"primaryKey" must be a list of distinct top-level fields; got \["a\.b"\]$/,
  ],
  ['a primary key of numbers', top([{ name: 'a', type: 'int' }], { primaryKey: [1] }), /got \[1\]$/],
];
for (const [name, schema, message] of unfit) {
  test(`parseWriterSchema rejects ${name} and reports the cause`, () => {
    assert.throws(
      () => parseWriterSchema(JSON.stringify(schema), 'schema 7'),
      (error: Error) => {
        assert.ok(error instanceof IncompatibleSchemaError);
        assert.match(error.message, message);
        assert.ok(error.message.length < 500);
        return true;
      },
    );
  });
}

test('parseWriterSchema accepts record members with the names of system columns', () => {
  const member = top([{ name: '_version', type: 'int' }], { name: 'R' });
  assert.equal(
    parseWriterSchema(JSON.stringify(top([{ name: 'a', type: member }])), 'schema 7').fields.length,
    1,
  );
});

test('parseWriterSchema finds the named types of referenced schemas, with their namespaces', () => {
  const texts = [
    { type: 'enum', name: 'geo.Country', symbols: ['DE', 'Côte d’Ivoire'] },
    { type: 'record', name: 'Address', namespace: 'geo', fields: [{ name: 'country', type: 'Country' }] },
    [{ type: 'fixed', name: 'Größe', size: 2 }, 'null'],
  ].map((schema) => JSON.stringify(schema));
  const fields = [
    { name: 'a', type: 'geo.Address' },
    { name: 'b', type: ['null', 'geo.Country'] },
    { name: 'c', type: 'Größe' },
  ];
  const text = JSON.stringify(top(fields, { namespace: 'shop' }));
  const country = { kind: 'enum', symbols: ['DE', 'Côte d’Ivoire'] };
  assert.deepEqual(
    parseWriterSchema(text, 'schema 7', texts).fields.map(({ type }) => type),
    [
      { kind: 'record', isRecursive: false, fields: [{ name: 'country', type: country }] },
      { kind: 'union', branches: [{ kind: 'null' }, country] },
      { kind: 'fixed', bytes: 2 },
    ],
  );
  const refused = (referenced: readonly string[], message: RegExp) =>
    assert.throws(() => parseWriterSchema(text, 'schema 7', referenced), message);
  refused(texts.slice(1), /"Country" is not defined/);
  refused([...texts, texts[0] ?? ''], /two types have the name geo\.Country/);
  refused(['{'], /a schema that schema 7 refers to is not JSON/);
});
