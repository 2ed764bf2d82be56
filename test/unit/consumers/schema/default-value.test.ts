import assert from 'node:assert/strict';
import test from 'node:test';
import { declaredFields } from '../../../../consumers/schema/declared-fields.ts';
import { defaultAvro } from '../../../../consumers/schema/default-value.ts';
import { parseWriterSchema } from '../../../../consumers/schema/writer-schema.ts';
import { evolutionActions } from '../../../../consumers/table/evolution.ts';
import { systemColumns } from '../../../../consumers/table/stored-columns.ts';
import { columnsOf, typeOf } from '../../../fixtures/tables.ts';

const schemaOf = (...fields: readonly unknown[]) =>
  parseWriterSchema(
    JSON.stringify({
      type: 'record',
      name: 'T',
      primaryKey: ['id'],
      fields: [{ name: 'id', type: 'string' }, ...fields],
    }),
    'test',
  );
const typeOfField = (type: unknown) => schemaOf({ name: 'x', type }).fields[1]?.type ?? { kind: 'null' };
const record = {
  type: 'record',
  name: 'R',
  fields: [
    { name: 'a', type: 'long' },
    { name: 'b', type: 'long', default: 3 },
  ],
};

const fitting: readonly (readonly [type: unknown, json: unknown, hex: string])[] = [
  [['null', 'long'], null, '00'],
  [['long', 'null'], 5, '000a'],
  [['null', 'long'], 5, '020a'],
  [['string', 'bytes'], 'a', '000261'],
  ['double', 0.1, '9a9999999999b93f'],
  ['bytes', 'ÿ\u0000', '04ff00'],
  [{ type: 'array', items: 'int' }, [], '00'],
  [{ type: 'array', items: 'int' }, [1, 2], '04020400'],
  [{ type: 'map', values: 'int' }, { a: 1 }, '0202610200'],
  [record, { a: 1 }, '0206'],
  [record, { a: 1, b: 2 }, '0204'],
  [['null', record], { a: 1 }, '020206'],
  [{ type: 'enum', name: 'E', symbols: ['A', 'B'] }, 'B', '02'],
];
for (const [type, json, hex] of fitting) {
  test(`the default ${JSON.stringify(json)} for ${JSON.stringify(type)} is encoded as ${hex}`, () => {
    assert.equal(defaultAvro(typeOfField(type), json as never)?.toString('hex'), hex);
  });
}

const unfit: readonly (readonly [type: unknown, json: unknown])[] = [
  ['long', null],
  ['long', 1.5],
  ['long', '1'],
  ['long', 2 ** 63],
  ['int', 2 ** 31],
  ['boolean', 0],
  ['string', 1],
  ['bytes', 'Ā'],
  [{ type: 'fixed', name: 'F', size: 2 }, 'a'],
  [{ type: 'enum', name: 'E', symbols: ['A'] }, 'B'],
  [{ type: 'array', items: 'int' }, {}],
  [{ type: 'array', items: 'int' }, [null]],
  [{ type: 'map', values: 'int' }, []],
  [record, {}],
  [record, []],
  [['null', 'long'], 'x'],
];
for (const [type, json] of unfit) {
  test(`${JSON.stringify(json)} is not a valid default for ${JSON.stringify(type)} and is ignored`, () => {
    const parsed = typeOfField(type);
    assert.equal(defaultAvro(parsed, json as never), undefined);
    const schema = schemaOf({ name: 'x', type, default: json });
    const [action] = evolutionActions(
      't',
      {
        columns: [...columnsOf(schemaOf()), ...systemColumns].map((column) => ({ ...column, typeText: '' })),
        unusable: new Map(),
      },
      schema,
    );
    assert.match(action ?? '', /^ADD COLUMN IF NOT EXISTS `x` (?!.*DEFAULT)/);
    assert.match(action ?? '', /Nullable|Array|Map/);
  });
}

test('the column of a removed field becomes Nullable unless its last declaration has a default', () => {
  const [first, second, last] = [
    schemaOf(
      { name: 'x', type: 'long', default: 1 },
      { name: 'y', type: 'long' },
      { name: 'own', type: 'long' },
    ),
    schemaOf({ name: 'x', type: 'long' }, { name: 'y', type: 'long', default: 2 }),
    schemaOf({ name: 'z', type: 'long' }),
  ] as const;
  const table = ['id String', 'x Int64', 'y Int64', 'z Int64', 'by_hand Int64'].map((text) => {
    const [name = '', type = ''] = text.split(' ');
    return { name, type: typeOf(type), typeText: type };
  });
  const shape = {
    columns: [...table, ...systemColumns.map((column) => ({ ...column, typeText: '' }))],
    unusable: new Map(),
  };
  assert.deepEqual(evolutionActions('t', shape, last, false, declaredFields([first, second, last])), [
    'MODIFY COLUMN `x` Nullable(Int64)',
  ]);
});
