import assert from 'node:assert/strict';
import test from 'node:test';
import { parseColumnType } from '../../../../consumers/column/parse-column-type.ts';
import { followActions } from '../../../../consumers/table/follow-columns.ts';
import type { TableColumn } from '../../../../consumers/table/table-shape.ts';
import { IncompatibleSchemaError } from '../../../../core/errors.ts';

function columns(types: Readonly<Record<string, string>>): TableColumn[] {
  return Object.entries(types).map(([name, typeText]) => {
    const type = parseColumnType(typeText);
    assert.ok(type, typeText);
    return { name, type, typeText };
  });
}

function shape(types: Readonly<Record<string, string>>) {
  return { columns: columns(types), unusable: new Map([['computed', 'String ALIAS']]), sortingKey: ['id'] };
}

for (const [title, have, wanted, actions] of [
  ['returns nothing for a table that has all columns', { id: 'String', a: 'Int64' }, { a: 'Int64' }, []],
  ['adds a missing column', { id: 'String' }, { a: 'Int64' }, ['ADD COLUMN IF NOT EXISTS `a` Int64']],
  ['widens a narrower type', { a: 'Int64' }, { a: 'Nullable(Int64)' }, ['MODIFY COLUMN `a` Nullable(Int64)']],
  ['keeps a wider type', { a: 'Nullable(Int64)' }, { a: 'Int64' }, []],
] as const) {
  test(`followActions ${title}`, () =>
    assert.deepEqual(followActions('t', shape(have), columns(wanted)), actions));
}

for (const [title, wanted, message] of [
  ['the two types have no common type', { a: 'UUID' }, /^column t\.a is Int64, but .* UUID$/],
  ['the column is in the sorting key', { id: 'Nullable(String)' }, /part of the sorting key/],
  ['the column is computed', { computed: 'String' }, /^column t\.computed is String ALIAS/],
] as const) {
  test(`followActions throws when ${title}`, () =>
    assert.throws(
      () => followActions('t', shape({ id: 'String', a: 'Int64' }), columns(wanted)),
      (error) => error instanceof IncompatibleSchemaError && message.test(error.message),
    ));
}
