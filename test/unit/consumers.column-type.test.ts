import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  columnTypeSql,
  scalarTypes,
  widened,
  type ColumnType,
} from '../../consumers/clickhouse/column-type.ts';
import { parseColumnType } from '../../consumers/clickhouse/parse-column-type.ts';
import { IncompatibleSchemaError } from '../../core/errors.ts';

const names = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.string({ unit: fc.constantFrom('`', '\\', ' ', '(', ')', ',', "'", 'a', '\n', 'n'), maxLength: 6 }),
  fc.constantFrom('Nullable', 'Array', 'Tuple', 'String', "DateTime64(3, 'UTC')"),
);
const { type: types } = fc.letrec<{ type: ColumnType }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 3 },
    fc.record(
      {
        kind: fc.constant('scalar' as const),
        name: fc.constantFrom(...scalarTypes),
        isNullable: fc.boolean(),
      },
      plain(),
    ),
    fc.record({ kind: fc.constant('array' as const), item: tie('type') }, plain()),
    fc.record(
      {
        kind: fc.constant('tuple' as const),
        members: fc.uniqueArray(fc.record({ name: names, type: tie('type') }, plain()), {
          selector: ({ name }) => name,
          minLength: 1,
          maxLength: 4,
        }),
      },
      plain(),
    ),
  ),
}));
function plain() {
  return { noNullPrototype: true as const };
}

test('every type is read back from its SQL', () => {
  fc.assert(
    fc.property(types, (type) => assert.deepEqual(parseColumnType(columnTypeSql(type)), type)),
    { numRuns: 500 },
  );
});

const printed: readonly (readonly [string, string | undefined])[] = [
  ['Array(Tuple(a Nullable(String), b Int64))', 'Array(Tuple(`a` Nullable(String), `b` Int64))'],
  ["Tuple(date DateTime64(3, 'UTC'))", "Tuple(`date` DateTime64(3, 'UTC'))"],
  ["Nullable(DateTime64(3, 'UTC'))", "Nullable(DateTime64(3, 'UTC'))"],
];
for (const [text, sql] of printed) {
  test(`${text} is understood`, () => {
    const type = parseColumnType(text);
    assert.equal(type && columnTypeSql(type), sql);
  });
}

const foreign = [
  ...[
    '',
    'Nothing',
    'LowCardinality(String)',
    'FixedString(3)',
    'DateTime64(3)',
    "DateTime64(6, 'UTC')",
    'Decimal(9, 2)',
  ],
  ...['Map(String, String)', 'Tuple(String, Int64)', 'Nullable(Tuple(a String))', 'Nullable(Array(String))'],
  ...[
    'Array(LowCardinality(String))',
    'Tuple(a UUID)',
    'String)',
    'Array(String',
    'Array()',
    'Tuple()',
    "Enum8('a' = 1)",
  ],
  ...['JSON', 'Nullable(Nullable(String))', 'toString', 'String String', 'Array(String, String)'],
];
for (const text of foreign) {
  test(`"${text}" is no type of the sink's`, () => assert.equal(parseColumnType(text), undefined));
}

test('any text is a type or none', () => {
  const parts = fc.constantFrom(
    'Array',
    'Tuple',
    'Nullable',
    'String',
    '(',
    ')',
    ',',
    ' ',
    '`',
    '\\',
    'a',
    "'",
  );
  fc.assert(
    fc.property(fc.array(parts), (text) => void parseColumnType(text.join(''))),
    { numRuns: 1000 },
  );
});

/** True where `wide` has room for every value of `narrow`. */
function holds(wide: ColumnType, narrow: ColumnType): boolean {
  if (wide.kind === 'array' && narrow.kind === 'array') return holds(wide.item, narrow.item);
  if (wide.kind === 'tuple' && narrow.kind === 'tuple') {
    return narrow.members.every(({ name, type }) =>
      wide.members.some((own) => own.name === name && holds(own.type, type)),
    );
  }
  if (wide.kind !== 'scalar' || narrow.kind !== 'scalar') return false;
  return wide.name === narrow.name && (wide.isNullable || !narrow.isNullable);
}

test('a widened type holds both, whichever came first, and widening it again changes nothing', () => {
  fc.assert(
    fc.property(types, types, (have, want) => {
      let wide: ColumnType;
      try {
        wide = widened(have, want, 'x');
      } catch (error) {
        assert.ok(error instanceof IncompatibleSchemaError);
        return;
      }
      assert.ok(holds(wide, have) && holds(wide, want));
      assert.deepEqual(widened(wide, want, 'x'), wide);
      assert.deepEqual(widened(wide, have, 'x'), wide);
    }),
    { numRuns: 500 },
  );
});

test('a type is as wide as itself', () => {
  fc.assert(fc.property(types, (type) => assert.deepEqual(widened(type, type, 'x'), type)));
});
