import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { ListProgress } from '../../../../producers/chartmogul/source-list.ts';
import {
  checkpointKey,
  checkpointMessage,
  missingMessage,
  parseCheckpoint,
  parseCheckpointKey,
  visitMessage,
  type Checkpoint,
} from '../../../../producers/state/checkpoint.ts';

const anyCount = fc.maxSafeNat();
const anyQuery = fc.dictionary(
  fc.oneof(fc.constantFrom('cursor', 'page', 'start-after'), fc.string()),
  fc.oneof(fc.string({ unit: 'grapheme' }), fc.maxSafeInteger(), fc.boolean()),
  { maxKeys: 4, noNullPrototype: true },
);
const anySlice: fc.Arbitrary<ListProgress> = fc.record(
  {
    path: fc.string(),
    query: anyQuery,
    next: fc.option(anyQuery, { nil: undefined }),
    pages: anyCount,
    isDone: fc.boolean(),
  },
  { noNullPrototype: true },
);
const anyCheckpoint: fc.Arbitrary<Checkpoint> = fc.record(
  {
    run: fc.string(),
    startedAtMs: anyCount,
    isFull: fc.boolean(),
    isComplete: fc.boolean(),
    round: anyCount,
    roundAtMs: anyCount,
    pages: anyCount,
    records: anyCount,
    expectedPages: fc.option(anyCount, { nil: undefined }),
    slices: fc
      .array(fc.tuple(fc.string({ unit: 'grapheme' }), anySlice), { maxLength: 4 })
      .map((slices) => new Map(slices)),
  },
  { noNullPrototype: true },
);
const anyStream = fc.stringMatching(/^[a-z][a-z0-9_]{0,99}$/);

const textOf = (checkpoint: Checkpoint) => String(checkpointMessage('customers', checkpoint).value);

test('a checkpoint is read back from its message', () => {
  fc.assert(
    fc.property(anyStream, anyCheckpoint, (stream, checkpoint) => {
      const { key, value } = checkpointMessage(stream, checkpoint);
      assert.equal(key, stream);
      assert.deepEqual(parseCheckpoint(String(value)), checkpoint);
    }),
  );
});

const slice = { id: '/customers', path: '/customers', query: { a: 1 }, pages: 2, isDone: false };
const whole = {
  run: 'r',
  startedAtMs: 1,
  isFull: false,
  isComplete: true,
  round: 1,
  roundAtMs: 1,
  pages: 1,
  records: 1,
  slices: [slice],
};

test('a missing or invalid number of expected pages is read as unknown', () => {
  for (const expectedPages of [undefined, null, -1, 0.5, 'many', []]) {
    const checkpoint = parseCheckpoint(JSON.stringify({ ...whole, expectedPages }));
    assert.ok(checkpoint !== undefined);
    assert.equal(checkpoint.expectedPages, undefined);
    assert.equal(checkpoint.slices.get('/customers')?.pages, 2);
  }
});

const hostile: readonly unknown[] = [undefined, null, -1, 0.5, 2 ** 53, 1e21, '1', [1], { a: 1 }];
const isRight: Readonly<Record<string, (value: unknown) => boolean>> = {
  run: (value) => typeof value === 'string',
  id: (value) => typeof value === 'string',
  path: (value) => typeof value === 'string',
  query: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
};
for (const field of Object.keys(whole)) {
  test(`a checkpoint with an invalid ${field} is ignored`, () => {
    for (const value of hostile.filter((each) => isRight[field]?.(each) !== true)) {
      assert.equal(parseCheckpoint(JSON.stringify({ ...whole, [field]: value })), undefined, String(value));
    }
  });
}
for (const field of Object.keys(slice)) {
  test(`a checkpoint with an invalid ${field} in a slice is ignored`, () => {
    for (const value of hostile.filter((each) => isRight[field]?.(each) !== true)) {
      const text = JSON.stringify({ ...whole, slices: [slice, { ...slice, [field]: value }] });
      assert.equal(parseCheckpoint(text), undefined, String(value));
    }
  });
}

const strangeTexts: readonly (readonly [name: string, text: string])[] = [
  ['nothing', ''],
  ['a truncated checkpoint', textOf({ ...whole, expectedPages: 1, slices: new Map() }).slice(0, -1)],
  ['null', 'null'],
  ['a list', JSON.stringify([whole])],
  ['a number', '12'],
  ['a slice that is a string', JSON.stringify({ ...whole, slices: ['/customers'] })],
  ['a next page without a query', JSON.stringify({ ...whole, slices: [{ ...slice, next: 2 }] })],
  ['a query with an object', JSON.stringify({ ...whole, slices: [{ ...slice, query: { a: {} } }] })],
  ['a number beyond the range of JavaScript', JSON.stringify(whole).replace('"pages":1', '"pages":1e999')],
  ['deeply nested lists', '['.repeat(200_000)],
  ['deeply nested lists around a long number', `${'['.repeat(200_000)}12345678901234567890`],
];
for (const [name, text] of strangeTexts) {
  test(`a message that contains ${name} is not a checkpoint`, () => {
    assert.equal(parseCheckpoint(text), undefined);
  });
}

test('reading a checkpoint never fails, whatever the message contains', () => {
  const anyText = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    anyCheckpoint.chain((checkpoint) => {
      const text = textOf(checkpoint);
      return fc.nat(text.length).map((length) => text.slice(0, length));
    }),
    fc
      .tuple(fc.constantFrom(...Object.keys(whole)), fc.jsonValue())
      .map(([field, value]) => JSON.stringify({ ...whole, [field]: value })),
    fc
      .tuple(fc.constantFrom(...Object.keys(slice)), fc.jsonValue())
      .map(([field, value]) => JSON.stringify({ ...whole, slices: [{ ...slice, [field]: value }] })),
  );
  fc.assert(
    fc.property(anyText, (text) => {
      const checkpoint = parseCheckpoint(text);
      if (checkpoint !== undefined) assert.deepEqual(parseCheckpoint(textOf(checkpoint)), checkpoint);
    }),
  );
});

const anySubject = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('|', 'visit', 'missing', '\n', 'a') }),
);

test('a checkpoint key identifies its subject, whatever the name of the parent or record', () => {
  fc.assert(
    fc.property(anyStream, anySubject, (stream, subject) => {
      assert.deepEqual(parseCheckpointKey(checkpointKey.ofStream(stream)), {
        stream,
        kind: 'stream',
        subject: '',
      });
      assert.deepEqual(parseCheckpointKey(visitMessage(stream, subject, null).key), {
        stream,
        kind: 'visit',
        subject,
      });
      assert.deepEqual(parseCheckpointKey(missingMessage(stream, subject, true).key), {
        stream,
        kind: 'missing',
        subject,
      });
    }),
  );
});

for (const key of [
  '',
  '|visit|a',
  'Customers',
  '9',
  'customers|',
  'customers|visit',
  'customers|other|a',
  ' a',
]) {
  test(`the key "${key}" is not a checkpoint key`, () => {
    assert.equal(parseCheckpointKey(key), undefined);
  });
}

test('a visit is stored as its token, a missing key as a mark; a tombstone removes either', () => {
  const token = Buffer.from('12345678');
  assert.deepEqual(visitMessage('a', 'b', token).value, token);
  assert.equal(visitMessage('a', 'b', null).value, null);
  assert.ok(missingMessage('a', 'b', true).value !== null);
  assert.equal(missingMessage('a', 'b', false).value, null);
});
