import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KafkaMessage } from 'kafkajs';
import {
  Examples,
  isEqual,
  noDifferences,
  type DifferenceKind,
  type StreamComparison,
} from '../../../../operations/reconcile/comparison.ts';
import type { Difference } from '../../../../operations/reconcile/find-differences.ts';
import {
  isByPosition,
  keyPartsSql,
  keysConditionSql,
  keyTextSql,
} from '../../../../consumers/table/key-sql.ts';
import { progressLines, ReconcileProgress } from '../../../../operations/reconcile/reconcile-progress.ts';
import { reconcileJson, reconcileSummary } from '../../../../operations/reconcile/reconcile-summary.ts';
import { parseColumnType } from '../../../../consumers/column/parse-column-type.ts';
import { RowKeys } from '../../../../consumers/stream/row-keys.ts';
import type { Connections } from '../../../../core/connections.ts';
import { MessageSearch } from '../../../../operations/reconcile/search-messages.ts';
import { DeadLetterIndex } from '../../../../consumers/stream/dead-letter-index.ts';

test('Examples keeps the first ten keys in order', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string(), { maxLength: 40 }), (keys) => {
      const examples = new Examples();
      for (const key of keys) examples.add({ key, kind: 'missing' });
      const first = [...keys].sort((a, b) => (a < b ? -1 : 1)).slice(0, 10);
      assert.deepEqual(
        examples.all.map(({ key }) => key),
        first,
      );
    }),
  );
});

test('the key SQL quotes names and values, and isByPosition requires both position columns', () => {
  assert.equal(keyTextSql(['uuid']), "CAST(toString(`uuid`), 'String')");
  assert.equal(
    keyTextSql(['date', 'in`terval']),
    "concat(CAST(toString(`date`), 'String'), '|', CAST(toString(`in\\`terval`), 'String'))",
  );
  assert.equal(keyPartsSql(['uuid']), "[CAST(toString(`uuid`), 'String')]");
  const uuid = { name: 'uuid', typeText: 'String' };
  assert.equal(
    keysConditionSql([uuid], [["it's"], ['b']]),
    "`uuid` IN (CAST('it\\'s', 'String'), CAST('b', 'String'))",
  );
  assert.equal(
    keysConditionSql([uuid, { name: 'id', typeText: 'Int64' }], [['a', '-1']]),
    "(`uuid`, `id`) IN ((CAST('a', 'String'), CAST('-1', 'Int64')))",
  );
  assert.deepEqual(
    { both: isByPosition(['_partition', '_offset']), offsetOnly: isByPosition(['_offset']) },
    { both: true, offsetOnly: false },
  );
});

const equal: StreamComparison = {
  stream: 'metrics_customer_churn_rate',
  keys: 12_345_678,
  counts: noDifferences(),
  behind: 0,
  deadLetters: 0,
  isByKey: true,
  examples: [],
  views: [{ view: 'metrics_customer_churn_rate', problem: undefined }],
  faults: [],
  notes: [],
};
const counted = (counts: Partial<Record<DifferenceKind, number>>) => ({ ...noDifferences(), ...counts });

const nothing = { deadLetters: false };

const unequal: readonly (readonly [string, Partial<StreamComparison>])[] = [
  ...(['missing', 'stray', 'older', 'other', 'twice'] as const).map(
    (kind) => [`a key of kind "${kind}"`, { counts: counted({ [kind]: 1 }) }] as const,
  ),
  ['a table that is behind', { behind: 1 }],
  ['a dead letter', { deadLetters: 1 }],
  ['a wrong view', { views: [{ view: 'v', problem: 'is missing' }] }],
  ['a fault', { faults: ['no table'] }],
  ['a failure', { failure: new Error('no answer') }],
];
for (const [name, change] of unequal)
  test(`reconcile counts ${name} as a difference`, () => {
    assert.equal(isEqual({ ...equal, ...change }, nothing), false);
    assert.match(reconcileSummary([{ ...equal, ...change }], nothing), /DIFFERS|FAILED/);
    assert.equal(reconcileJson({ ...equal, ...change }, nothing)['equal'], false);
  });

test('reconcileSummary shows an equal stream on one line, and notes are not differences', () => {
  assert.equal(
    reconcileSummary([equal], nothing),
    'stream                             keys  views\n' +
      'metrics_customer_churn_rate  12,345,678  equal  equal\n1 stream equal',
  );
  assert.equal(isEqual({ ...equal, notes: ['rows were not compared'] }, nothing), true);
});

test('reconcileSummary states that a stream was not compared by key', () => {
  const otherwise = { ...equal, isByKey: false };
  assert.match(reconcileSummary([otherwise], nothing), / equal, not by key$/m);
  const json = reconcileJson(otherwise, nothing);
  assert.deepEqual({ equal: json['equal'], by_key: json['by_key'] }, { equal: true, by_key: false });
  assert.match(reconcileSummary([{ ...otherwise, behind: 1 }], nothing), / DIFFERS$/m);
});

test('reconcileSummary shows allowed dead letters but does not count them as differences', () => {
  const waiting = { ...equal, stream: 'plans', deadLetters: 52 };
  const allowed = { deadLetters: true };
  const text = reconcileSummary([equal, waiting], allowed);
  assert.match(text, /^plans +12,345,678 +52 +equal +equal$/m);
  assert.match(text, /^plans: 52 dead letters pending: npm run dead-letters -- list --streams plans$/m);
  assert.match(text, /^2 streams equal$/m);
  assert.equal(isEqual(waiting, allowed), true);
  const json = reconcileJson(waiting, allowed);
  assert.deepEqual(
    { equal: json['equal'], dead_letters: json['dead_letters'] },
    { equal: true, dead_letters: 52 },
  );
  assert.equal(isEqual({ ...waiting, behind: 1 }, allowed), false);
  assert.match(reconcileSummary([equal, waiting], nothing), /^plans +12,345,678 +52 +equal +DIFFERS$/m);
});

test('reconcileSummary fits 80 columns when everything differs', () => {
  const millions = 1_234_567;
  const wrong: StreamComparison = {
    ...equal,
    counts: { missing: millions, stray: millions, older: millions, other: millions, twice: millions },
    behind: millions,
    examples: [{ key: '2024-01-31|month', kind: 'missing' }],
    views: [{ view: 'line_items', problem: 'is missing' }],
    repair: { inserted: 1, deleted: 2, left: 1_000, remarks: ['message 0/7 cannot become a row: why'] },
  };
  const text = reconcileSummary([equal, wrong], nothing);
  for (const line of text.split('\n').slice(0, 3)) assert.ok(line.length <= 80, line);
  assert.match(text, /^metrics_customer_churn_rate +12,345,678 +7,407,402 +1 wrong +DIFFERS$/m);
  assert.match(text, /^metrics_customer_churn_rate: 1,234,567 missing: on the topic, not in the table$/m);
  assert.match(text, /^ {2}missing {2}2024-01-31\|month$/m);
  assert.match(text, /^metrics_customer_churn_rate: view line_items is missing$/m);
  assert.match(text, /: repaired: 1 row inserted, rows of 2 keys deleted, 1,000 keys left to the sink$/m);
  assert.match(text, /: message 0\/7 cannot become a row: why$/m);
  assert.match(text, /^1 of 2 streams equal$/m);
});

test('progressLines shows a line per active stream and source, cut to the terminal width', () => {
  const progress = new ReconcileProgress();
  progress.active
    .add({ stream: 'plans', doing: 'reading the topic', read: 1_200, messages: 5_000 })
    .add({ stream: 'customers', doing: 'comparing views', read: 0, messages: 0 });
  progress.sources.set('tasks', { stream: 'tasks', pages: 1, records: 20 });
  assert.deepEqual(progressLines(progress, 30), [
    'plans  reading the topic  1,2…',
    'customers  comparing views',
    'tasks  reading the source  1 …',
  ]);
});

const deadLetter = (headers: Readonly<Record<string, string>>, value: Buffer | null = Buffer.from('x')) => {
  const place = {
    stream: 'plans',
    step: 'sink',
    topic: 'p.plans',
    partition: '1',
    offset: '7',
    timestamp: '5',
  };
  const texts = Object.entries({ ...place, ...headers }).map(([name, text]) => [name, Buffer.from(text)]);
  const key = Buffer.from('plans|sink|1|7');
  return { key, value, timestamp: '9', headers: Object.fromEntries(texts) as unknown } as KafkaMessage;
};
const at = (offset: string, timestamp: string) => ({ offset, timestamp }) as KafkaMessage;

test('DeadLetterIndex contains exactly the messages of pending dead letters', () => {
  const deadLetters = new DeadLetterIndex('p.');
  assert.equal(deadLetters.has('p.plans', 1, at('7', '5')), false);
  deadLetters.note(deadLetter({}));
  assert.equal(deadLetters.has('p.plans', 1, at('7', '5')), true);
  assert.equal(deadLetters.has('p.plans', 1, at('7', '6')), false);
  assert.equal(deadLetters.has('p.plans', 1, at('8', '5')), false);
  assert.equal(deadLetters.has('p.plans', 2, at('7', '5')), false);
  assert.equal(deadLetters.has('p.tasks', 1, at('7', '5')), false);
  deadLetters.note(deadLetter({ state: 'redriven' }));
  assert.equal(deadLetters.has('p.plans', 1, at('7', '5')), false);
  deadLetters.note(deadLetter({ state: 'waiting' }));
  assert.equal(deadLetters.has('p.plans', 1, at('7', '5')), true);
  deadLetters.note(deadLetter({}, null));
  assert.equal(deadLetters.has('p.plans', 1, at('7', '5')), false);
  deadLetters.note(deadLetter({ step: 'produce' }));
  assert.equal(deadLetters.has('p.plans', 1, at('7', '5')), false);
  deadLetters.note(deadLetter({}));
  // A later message with the same key replaces the dead letter, even if its headers are invalid.
  deadLetters.note(deadLetter({ topic: 'q.plans' }));
  deadLetters.note(deadLetter({ offset: 'seven' }));
  assert.equal(deadLetters.has('p.plans', 1, at('7', '5')), false);
});

test('DeadLetterIndex counts each pending dead letter of both steps once', () => {
  const deadLetters = new DeadLetterIndex('p.');
  const under = (key: string, headers: Readonly<Record<string, string>>, value?: null) =>
    deadLetters.note({ ...deadLetter(headers, value), key: Buffer.from(key) });
  under('plans|sink|1|7', {});
  under('plans|sink|1|7', { attempts: '1' });
  under('plans|pl_1', { step: 'produce' });
  under('plans|pl_2', { step: 'produce' });
  under('tasks|t', { step: 'produce', stream: 'tasks' });
  assert.deepEqual(
    [...deadLetters.counts],
    [
      ['plans', 3],
      ['tasks', 1],
    ],
  );
  under('plans|pl_1', { step: 'produce', state: 'redriven' });
  under('plans|pl_2', { step: 'produce' }, null);
  under('tasks|t', { step: 'produce', stream: 'tasks', state: 'redriven' });
  assert.deepEqual([...deadLetters.counts], [['plans', 1]]);
});

const message = (key: string, offset: number, timestamp: number, value: string | null = 'v') =>
  ({
    key: Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    offset: String(offset),
    timestamp: String(timestamp),
  }) as KafkaMessage;
const place = (offset: number, timestamp: number) => ({
  version: (BigInt(timestamp) << 64n) + BigInt(offset),
  partition: 0,
  offset: BigInt(offset),
});
const differing = (key: string, last?: ReturnType<typeof place>): Difference => ({
  key,
  kind: 'missing',
  message: last,
  parts: [key],
});

const schemaText = (primaryKey: readonly string[], ...types: string[]) =>
  JSON.stringify({
    type: 'record',
    name: 'R',
    primaryKey,
    fields: types.map((type, index) => ({
      name: `f${index}`,
      type: type === 'date' ? { type: 'int', logicalType: 'date' } : type,
    })),
  });

/**
 * Creates the RowKeys of a stream. The registry returns each schema by its id, starting at 1, and
 * returns the first schema as the latest one of the stream's subject.
 */
async function rowKeysOf(columns: Readonly<Record<string, string>>, ...texts: string[]): Promise<RowKeys> {
  const schemaOf = (id: number) => {
    const text = texts[id - 1];
    return text === undefined ? undefined : { id, type: 'AVRO', text, references: [] };
  };
  const registry = {
    latestText: () => Promise.resolve(schemaOf(1)),
    schemaText: (id: number) => Promise.resolve(schemaOf(id)),
  };
  const services = { registry, settings: { topicPrefix: 'p.' } } as unknown as Connections;
  const key = Object.entries(columns).map(([name, typeText]) => {
    const type = parseColumnType(typeText);
    assert.ok(type);
    return { name, type, typeText };
  });
  return RowKeys.create(services, 'things', key);
}

/** Returns strings and small integers as framed Avro. */
function record(schemaId: number, ...values: readonly (string | number)[]): Buffer {
  const parts = values.map((value) => {
    const zigzag = (integer: number) => Buffer.from([integer < 0 ? -2 * integer - 1 : 2 * integer]);
    const text = Buffer.from(String(value));
    return typeof value === 'number' ? zigzag(value) : Buffer.concat([zigzag(text.length), text]);
  });
  return Buffer.concat([Buffer.from([0, 0, 0, 0, schemaId]), ...parts]);
}

const sent = (key: string | null, value: Buffer | null) =>
  ({ key: key === null ? null : Buffer.from(key), value, offset: '7', timestamp: '1' }) as KafkaMessage;

const one = [{ f0: 'String' }, schemaText(['f0'], 'string', 'long')] as const;
const two = [{ f0: 'String', f1: 'String' }, schemaText(['f0', 'f1'], 'string', 'string')] as const;
const number = [{ f0: 'Int64' }, schemaText(['f0'], 'long')] as const;
const date = [{ f0: 'Date32' }, schemaText(['f0'], 'date')] as const;

const keyings: readonly (readonly [
  name: string,
  stream: readonly [columns: Readonly<Record<string, string>>, ...texts: string[]],
  key: string | null,
  value: Buffer | null,
  parts: readonly string[] | undefined,
  isAlike: boolean,
])[] = [
  ['a string field', one, 'a', record(1, 'a', 5), ['a'], true],
  ['an empty string', one, '', record(1, '', 5), [''], true],
  ['a string with a vertical bar', one, 'a|b', record(1, 'a|b', 5), ['a|b'], true],
  ['a long string', one, 'ü'.repeat(31), record(1, 'ü'.repeat(31), 5), ['ü'.repeat(31)], true],
  ['a key that differs from the record', one, 'c1', record(1, 'i1', 5), ['i1'], false],
  ['a key in a different case', one, 'A', record(1, 'a', 5), ['a'], false],
  ['a key with a trailing space', one, 'a ', record(1, 'a', 5), ['a'], false],
  ['a message without a key', one, null, record(1, 'a', 5), ['a'], false],
  ['a key in JSON', one, '{"f0":"a"}', record(1, 'a', 5), ['a'], false],
  ['two parts', two, 'a|b', record(1, 'a', 'b'), ['a', 'b'], true],
  ['two parts whose key is ambiguous', two, 'a|b|c', record(1, 'a|b', 'c'), ['a|b', 'c'], false],
  ['two other parts with the same key', two, 'a|b|c', record(1, 'a', 'b|c'), ['a', 'b|c'], false],
  ['one part of two', two, 'a', record(1, 'a', 'b'), ['a', 'b'], false],
  ['an integer', number, '-7', record(1, -7), ['-7'], true],
  ['an integer with leading zeros', number, '007', record(1, 7), ['7'], false],
  ['a date', date, '1970-01-03', record(1, 2), ['1970-01-03'], true],
  ['a date before 1970', date, '1969-12-31', record(1, -1), ['1969-12-31'], true],
  ['a date in a different format', date, '3 Jan 1970', record(1, 2), ['1970-01-03'], false],
  ['a delete', one, 'a', null, ['a'], true],
  ['a delete of two parts', two, 'a|b', null, ['a', 'b'], true],
  ['a delete whose key lacks a part', two, 'a', null, undefined, false],
  ['a delete of an integer with leading zeros', number, '007', null, ['7'], false],
  ['unreadable bytes with a valid key', one, 'a', Buffer.from('x'), ['a'], true],
  ['unreadable bytes without a valid key', number, 'x', Buffer.from('x'), undefined, false],
  ['a record that ends within its key field', one, 'a', record(1, 'b').subarray(0, 6), ['a'], true],
  ['a record that ends after its key field', one, 'b', record(1, 'b'), ['b'], true],
];
for (const [name, stream, key, value, parts, isAlike] of keyings)
  test(`RowKeys finds ${parts === undefined ? 'no row key' : 'the row key'} for ${name}`, async () => {
    const keys = await rowKeysOf(...stream);
    const found = keys.of(sent(key, value), 3, false);
    assert.deepEqual(typeof found === 'object' ? keys.partsOf(found) : found, parts);
    assert.equal(keys.keyedOtherwise, isAlike ? undefined : '3/7');
  });

test('RowKeys reports a message whose key differs from its record, unless it is a dead letter', async () => {
  const keys = await rowKeysOf(...one);
  keys.of(sent('a', record(1, 'a', 1)), 0, false);
  keys.of(sent(null, Buffer.from('x')), 0, true);
  assert.equal(keys.keyedOtherwise, undefined);
  keys.of(sent('c', record(1, 'a', 1)), 0, false);
  keys.of(sent('a', record(1, 'a', 2)), 0, false);
  assert.equal(keys.keyedOtherwise, '0/7');
});

test('RowKeys requests an unknown schema, and uses the message key if that schema is unusable', async () => {
  const later = schemaText(['f0'], 'string', 'string', 'long');
  const keys = await rowKeysOf(one[0], one[1], later, 'no schema');
  const value = record(2, 'a', 'more', 5);
  assert.equal(keys.of(sent('c', value), 0, false), 2);
  assert.equal(keys.keyedOtherwise, undefined);
  for (const id of [2, 3, 4]) await keys.learn(id);
  const partsBy = (id: number) => {
    const found = keys.of(sent('c', id === 2 ? value : record(id, 'a', 5)), 0, false);
    return typeof found === 'object' ? keys.partsOf(found) : found;
  };
  assert.deepEqual({ schema3: partsBy(3), schema4: partsBy(4) }, { schema3: ['c'], schema4: ['c'] });
  assert.equal(keys.keyedOtherwise, undefined);
  assert.deepEqual(partsBy(2), ['a']);
  assert.equal(keys.keyedOtherwise, '0/7');
});

test('MessageSearch finds wanted messages by position, time and partition', async () => {
  const rowKeys = await rowKeysOf(...one);
  const [wanted, moved] = [differing('wanted', place(3, 30)), differing('moved', place(5, 30))];
  const search = new MessageSearch([wanted, moved, differing('gone')], new Map(), rowKeys);
  search.add(message('wanted', 1, 10), 0);
  search.add(message('any key', 3, 30), 0);
  search.add(message('wanted', 3, 30), 1);
  search.add(message('moved', 5, 31), 0);
  assert.equal(search.bytes, 1);
  assert.deepEqual(
    search.take().map(({ message: found }) => found.key?.toString()),
    ['any key'],
  );
  assert.deepEqual({ bytes: search.bytes, messages: search.take() }, { bytes: 0, messages: [] });
  assert.deepEqual(
    { wanted: search.seen.has(wanted), moved: search.seen.has(moved) },
    { wanted: true, moved: false },
  );
});

const proofs: readonly (readonly [name: string, there: KafkaMessage | undefined, isProved: boolean])[] = [
  ['its own message', { ...message('a', 3, 30), value: record(1, 'a', 1) }, false],
  ['its own message with another key', { ...message('c', 3, 30), value: record(1, 'a', 1) }, false],
  ['its own delete', message('a', 3, 30, null), false],
  ['a message of another row', { ...message('b', 3, 30), value: record(1, 'b', 1) }, true],
  ['a message of another row with its key', { ...message('a', 3, 30), value: record(1, 'b', 1) }, true],
  ['a delete of another row', message('b', 3, 30, null), true],
  ['a message with a different time', { ...message('a', 3, 29), value: record(1, 'a', 1) }, true],
  ['an unreadable message', { ...message('a', 3, 30), key: null }, false],
  ['a message with an unknown schema', { ...message('b', 3, 30), value: record(9, 'b', 1) }, false],
  ['a message that compaction removed', undefined, false],
];
for (const [name, there, isProved] of proofs)
  test(`a row is ${isProved ? '' : 'not '}proved wrong by ${name}`, async () => {
    const row = place(3, 30);
    const suspects = new Map([[differing('a'), [row]]]);
    const search = new MessageSearch([], suspects, await rowKeysOf(...one));
    if (there !== undefined) search.add(there, 0);
    assert.equal(search.provedWrong.has(row), isProved);
  });

test('rows identified by position are proved wrong only by a message with a different time', () => {
  const [right, wrong] = [place(3, 30), place(4, 41)];
  const suspects = new Map([
    [differing('0|3'), [right]],
    [differing('0|4'), [wrong]],
  ]);
  const search = new MessageSearch([differing('0|3', right)], suspects, undefined);
  search.add({ ...message('any', 3, 30), key: null }, 0);
  search.add(message('any', 4, 40), 0);
  assert.equal(search.take().length, 1);
  assert.deepEqual(
    { right: search.provedWrong.has(right), wrong: search.provedWrong.has(wrong) },
    { right: false, wrong: true },
  );
});
