import assert from 'node:assert/strict';
import test from 'node:test';
import * as errors from '../../../core/errors.ts';

const { EtlError, FatalError, RecordError, RetriableError, messageOf } = errors;
const bases: readonly unknown[] = [EtlError, RetriableError, RecordError, FatalError];
const exported = Object.entries(errors) as [string, unknown][];
const classes = exported.filter(
  (entry): entry is [string, new (message: string, options?: { cause?: unknown }) => errors.EtlError] =>
    typeof entry[1] === 'function' && entry[1].prototype instanceof Error && !bases.includes(entry[1]),
);

test('core/errors.ts exports more than ten error classes', () => assert.ok(classes.length > 10));

for (const [name, ErrorClass] of classes) {
  test(`${name} has its own name, its cause, a code and exactly one base`, () => {
    const cause = new Error('below');
    const error = new ErrorClass('said', { cause });
    const kinds = [RetriableError, RecordError, FatalError].filter((kind) => error instanceof kind);
    assert.equal(kinds.length, 1);
    assert.ok(error instanceof EtlError);
    assert.deepEqual(
      { name: error.name, message: error.message, cause: error.cause },
      { name, message: 'said', cause },
    );
    assert.match(error.code, /^ETL_[A-Z_]+$/);
  });
}

test('no two errors share a code', () => {
  const codes = classes.map(([, ErrorClass]) => new ErrorClass('').code);
  assert.deepEqual(codes, [...new Set(codes)]);
});

const thrown: readonly (readonly [unknown, string])[] = [
  [new Error('a'), 'a'],
  ['a', 'a'],
  [undefined, 'undefined'],
  [new AggregateError([new Error('a'), 'b']), 'a; b'],
  [new AggregateError([new Error('a')], 'own'), 'own'],
];
for (const [value, message] of thrown) {
  test(`messageOf returns "${message}" for ${String(value)}`, () => assert.equal(messageOf(value), message));
}
