import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { checkOf } from '../../../../consumers/table/constraint.ts';
import { targetOf } from '../../../../consumers/table/half-inserted.ts';
import { nameIn, outlineOf } from '../../../../consumers/table/sql-outline.ts';
import { shapeVersionIn } from '../../../../consumers/table/table-ddl.ts';
import { additionsIn } from '../../../../operations/replay/user-definitions.ts';
import { literal, quoted } from '../../../../core/clickhouse/client.ts';

for (const [sql, outline] of [
  ['', ''],
  ["a 'b' c", 'a ___ c'],
  ["a 'it\\'s' c", 'a _______ c'],
  ["a 'it''s' c", 'a _______ c'],
  ["a '\\\\' c", 'a ____ c'],
  ["'a\nb' \"c'd\" `e'f` `g` c", '_____ _____ _____ `g` c'],
  ["a 'never ends", 'a ___________'],
  ["a 'ends in \\", 'a __________'],
] as const)
  test(`the outline of ${JSON.stringify(sql)} is ${JSON.stringify(outline)}`, () =>
    assert.equal(outlineOf(sql), outline));

const anyText = fc.oneof(
  fc.string(),
  fc
    .array(fc.constantFrom("'", '"', '`', '\\', '\n', ', CONSTRAINT shape_9 ASSUME 1', ') ENGINE = X', 'a'))
    .map((parts) => parts.join('')),
);

test('an outline masks user text and keeps everything that the sink reads from a definition', () => {
  fc.assert(
    fc.property(anyText, anyText, anyText, fc.nat(), (comment, name, value, shape) => {
      const sql =
        `CREATE TABLE d.t (\`a\` String DEFAULT ${literal(value)} COMMENT ${literal(comment)}, ` +
        `${quoted(`n${name}`)} Int8, INDEX ${quoted(`i${name}`)} a TYPE set(0) GRANULARITY 1, ` +
        `CONSTRAINT ${quoted(`c${name}`)} CHECK (a != ${literal(value)}) OR _deleted, ` +
        `CONSTRAINT d CHECK a != ${literal(`_deleted${value}`)}, ` +
        `CONSTRAINT shape_${shape} ASSUME 1) ENGINE = ReplacingMergeTree ORDER BY a COMMENT ${literal(comment)}`;
      assert.equal(outlineOf(sql).length, sql.length);
      assert.equal(shapeVersionIn(sql), shape);
      assert.deepEqual(additionsIn(sql), [`INDEX i${name}`, `CONSTRAINT c${name}`, 'CONSTRAINT d']);
      assert.match(checkOf(sql, `c${name}`), /_deleted$/);
      assert.doesNotMatch(checkOf(sql, 'd'), /\b_deleted\b/);
      const view = `CREATE MATERIALIZED VIEW d.${quoted(`v${name}`)} TO d.${quoted(`t${name}`)} (\`a\` String) AS SELECT ${literal(comment)} AS a FROM x`;
      assert.equal(targetOf(view), `d.${quoted(`t${name}`)}`);
      assert.equal(nameIn(quoted(name)), name);
    }),
  );
});

test('outlineOf handles SQL of many megabytes', () => {
  const sql = `a ${literal("'\\x".repeat(2_000_000))} b`;
  assert.match(outlineOf(sql), /^a _+ b$/);
});
