import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { JsonValue } from '../../../../../core/json.ts';
import { KeyTable } from '../../../../../producers/state/key-table.ts';
import { recordHash } from '../../../../../producers/encode/record-hash.ts';
import { noSourceDifferences, SourceDiff } from '../../../../../operations/reconcile/source/source-diff.ts';
import { isMetricAskedFor } from '../../../../../producers/chartmogul/metrics.ts';
import { HashedKey } from '../../../../../producers/encode/hashed-key.ts';
import { deadLetterKeyOf } from '../../../../../producers/encode/source-record.ts';
import { specOf } from '../../../../helpers/stream-reading.ts';

/** A key and its record, which is null for a delete. */
type Message = readonly [key: string, record: JsonValue];
/** A key and its record. The key is undefined if the record has no usable key. */
type SourceRecord = readonly [key: string | undefined, record: JsonValue];

interface Case {
  /** The topic before the source is read. */
  readonly topic?: readonly Message[];
  readonly deadLetters?: readonly SourceRecord[];
  readonly discarded?: readonly SourceRecord[];
  readonly source?: readonly SourceRecord[];
  /** Messages sent while the source is read. */
  readonly sentDuring?: readonly Message[];
  readonly isAskedFor?: (key: string) => boolean;
}

function tableOf(messages: readonly Message[]): KeyTable {
  const table = new KeyTable();
  for (const [key, record] of messages) {
    if (record === null) table.delete(key);
    else table.set(key, recordHash(record));
  }
  return table;
}

function tableOfDeadLetters(records: readonly SourceRecord[]): KeyTable {
  return tableOf(
    records.map(([key, record]) => [deadLetterKeyOf('plans', key, recordHash(record)), record] as const),
  );
}

function diffOf({
  topic = [],
  deadLetters = [],
  discarded = [],
  source = [],
  sentDuring = [],
  isAskedFor,
}: Case): SourceDiff {
  const diff = new SourceDiff({
    stream: 'plans',
    keys: tableOf(topic),
    deadLetters: tableOfDeadLetters([...deadLetters, ...discarded]),
    discarded: tableOfDeadLetters(discarded),
    ...(isAskedFor && { isAskedFor }),
  });
  for (const [key, record] of source)
    diff.add(key === undefined ? undefined : new HashedKey(key), recordHash(record));
  if (!diff.isEqual)
    for (const [key, record] of [...topic, ...sentDuring])
      diff.settle(Buffer.from(key), record === null ? null : recordHash(record));
  return diff;
}

const text = (diff: SourceDiff) => diff.examples(10).map(({ key, kind }) => `${key} ${kind}`);
const hex = (record: JsonValue) => recordHash(record).toString('hex');

const cases: readonly (Case & { readonly name: string; readonly wanted: readonly string[] })[] = [
  { name: 'an empty source equals an empty topic', wanted: [] },
  {
    name: 'equal records are not a difference, whatever their history',
    topic: [
      ['a', 1],
      ['b', 1],
      ['b', 2],
      ['c', 3],
      ['c', null],
    ],
    source: [
      ['b', 2],
      ['a', 1],
    ],
    wanted: [],
  },
  {
    name: 'stray, changed and missing records are reported',
    topic: [
      ['a', 1],
      ['b', 1],
      ['c', 1],
    ],
    source: [
      ['d', 1],
      ['a', 1],
      ['c', 2],
    ],
    wanted: ['b stray', 'c changed', 'd missing'],
  },
  {
    name: 'a record in the source is missing if its last message on the topic is a delete',
    topic: [
      ['a', 1],
      ['a', null],
    ],
    source: [['a', 1]],
    wanted: ['a missing'],
  },
  {
    name: 'a rejected record is a dead letter even if the topic has a message with its key',
    topic: [['b', 1]],
    deadLetters: [
      ['a', 1],
      ['b', 2],
      [undefined, 5],
    ],
    source: [
      ['a', 1],
      ['b', 2],
      [undefined, 5],
    ],
    wanted: ['a dead', 'b dead', `${hex(5)} dead`],
  },
  {
    name: 'a discarded record is not a difference until it changes',
    topic: [['b', 1]],
    discarded: [
      ['a', 1],
      ['b', 2],
      ['c', 1],
    ],
    source: [
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ],
    wanted: ['c missing'],
  },
  {
    name: 'a rejected record that is sent during the comparison is not a difference',
    topic: [['b', 1]],
    deadLetters: [
      ['a', 1],
      ['b', 2],
    ],
    source: [
      ['a', 1],
      ['b', 2],
    ],
    sentDuring: [
      ['a', 1],
      ['b', 2],
    ],
    wanted: [],
  },
  {
    name: 'a record whose rejected version differs is missing or changed',
    topic: [['b', 1]],
    deadLetters: [
      ['a', 1],
      ['b', 2],
    ],
    source: [
      ['a', 3],
      ['b', 3],
    ],
    wanted: ['a missing', 'b changed'],
  },
  {
    name: 'a record without a key or dead letter is missing once, with its hash as the key',
    source: [
      [undefined, 5],
      [undefined, 5],
    ],
    wanted: [`${hex(5)} missing`],
  },
  {
    name: 'a key with different records is reported as "twice" even if the topic has one of them',
    topic: [
      ['a', 1],
      ['b', 2],
    ],
    deadLetters: [['c', 2]],
    source: [
      ['a', 1],
      ['a', 2],
      ['b', 1],
      ['b', 2],
      ['c', 1],
      ['c', 2],
      ['c', 3],
      ['d', 1],
      ['d', 1],
    ],
    sentDuring: [['d', 1]],
    wanted: ['a twice', 'b twice', 'c dead', 'c twice'],
  },
  {
    name: 'a key listed twice is missing or changed once',
    topic: [['a', 1]],
    source: [
      ['a', 2],
      ['b', 1],
      ['a', 3],
      ['b', 1],
    ],
    wanted: ['a changed', 'a twice', 'b missing'],
  },
  {
    name: 'a message sent during the comparison is not a difference',
    topic: [
      ['a', 1],
      ['b', 1],
      ['c', 1],
    ],
    source: [
      ['a', 2],
      ['d', 1],
    ],
    sentDuring: [
      ['a', 2],
      ['b', null],
      ['c', null],
      ['d', 1],
      ['e', 1],
    ],
    wanted: [],
  },
  {
    name: 'a record that changes or returns during the comparison is a difference',
    topic: [
      ['a', 1],
      ['b', 1],
    ],
    source: [
      ['a', 2],
      ['c', 1],
    ],
    sentDuring: [
      ['a', 2],
      ['a', 3],
      ['b', null],
      ['b', 2],
      ['c', 1],
      ['c', null],
    ],
    wanted: ['a changed', 'b stray', 'c missing'],
  },
  {
    name: 'a record that was not requested is not a stray record',
    topic: [
      ['a', 1],
      ['b', 1],
    ],
    isAskedFor: (key) => key === 'b',
    wanted: ['b stray'],
  },
];
for (const { name, wanted, ...given } of cases) {
  test(name, () => {
    const diff = diffOf(given);
    assert.deepEqual(text(diff), wanted);
    const count = (kind: string) => wanted.filter((line) => line.endsWith(kind)).length;
    const none = noSourceDifferences();
    assert.deepEqual(
      diff.counts,
      Object.fromEntries(Object.keys(none).map((kind) => [kind, count(` ${kind}`)])),
    );
    assert.equal(diff.unasked, given.isAskedFor === undefined ? 0 : 1);
    assert.equal(diff.records, new Set(given.source?.map(([key, record]) => key ?? hex(record))).size);
    assert.ok(wanted.length === 0 || !diff.isEqual);
  });
}

test('SourceDiff finds the final differences when records change during the comparison', () => {
  const key: fc.Arbitrary<string> = fc.constantFrom('a', 'b', 'c', 'd');
  const record = fc.constantFrom(1, 2);
  const messages = fc.array(fc.tuple(key, fc.option(record)));
  const records = fc.dictionary(key, record).map((object) => Object.entries(object));
  fc.assert(
    fc.property(messages, records, records, messages, (topic, deadLetters, source, sentDuring) => {
      const [before, after] = [new Map(topic), new Map([...topic, ...sentDuring])];
      const aside = new Map(deadLetters);
      const kindOf = (name: string, value: number) => {
        const [old, now] = [before.get(name) ?? null, after.get(name) ?? null];
        if (old === value || now === value) return [];
        if (aside.get(name) === value) return [`${name} dead`];
        return [`${name} ${old === null ? 'missing' : 'changed'}`];
      };
      const shown = new Set(source.map(([name]) => name));
      const strays = [...before].filter(
        ([name, value]) => value !== null && !shown.has(name) && (after.get(name) ?? null) !== null,
      );
      const wanted = [
        ...source.flatMap(([name, value]) => kindOf(name, value)),
        ...strays.map(([name]) => `${name} stray`),
      ].sort();
      const diff = diffOf({ topic, deadLetters, source, sentDuring });
      assert.deepEqual(text(diff), wanted);
      assert.equal(
        Object.values(diff.counts).reduce((sum, count) => sum + count, 0),
        wanted.length,
      );
    }),
    { numRuns: 300 },
  );
});

test('SourceDiff counts all differences and lists the first keys as examples', () => {
  const source = Array.from({ length: 3_000 }, (_, index) => [`k${9_999 - index}`, index] as const);
  const some = diffOf({ source: source.slice(0, 900) });
  assert.deepEqual(
    { missing: some.counts.missing, first: text(some)[0], examples: text(some).length },
    { missing: 900, first: 'k9100 missing', examples: 10 },
  );
  const many = diffOf({ source, topic: [['x', 1]] });
  assert.deepEqual(
    { missing: many.counts.missing, stray: many.counts.stray, examples: text(many).length },
    { missing: 3_000, stray: 1, examples: 10 },
  );
  const lost = diffOf({ topic: source });
  assert.deepEqual(
    { stray: lost.counts.stray, toLookUp: lost.strays() },
    { stray: 3_000, toLookUp: undefined },
    'strays must return undefined if there are too many to look up',
  );
});

test('a stray record is not a difference if the source returns it at its own address', () => {
  const diff = diffOf({
    topic: [
      ['a', 1],
      ['b', 1],
    ],
  });
  assert.deepEqual(diff.strays(), ['a', 'b']);
  diff.found('a');
  assert.deepEqual({ stray: diff.counts.stray, examples: text(diff) }, { stray: 1, examples: ['b stray'] });
});

const asp = specOf('metrics_asp');
const metrics = { startDate: '2024-01-01', intervals: ['day', 'month'], lookBackDays: 7 } as const;
const asked: readonly (readonly [key: string, isAskedFor: boolean])[] = [
  ['2024-01-31|month', true],
  ['2024-01-01|month', true],
  ['2999-12-31|month', true],
  ['2023-12-31|month', false],
  ['2024-03-31|quarter', false],
  // The metric has no daily entries.
  ['2024-01-31|day', false],
  ['2024-01-31', false],
];
for (const [key, isAskedFor] of asked)
  test(`the metric entry ${key} is ${isAskedFor ? '' : 'not '}requested`, () =>
    assert.equal(isMetricAskedFor(asp, metrics, key), isAskedFor));
