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
} from '../../consumers/reconcile/comparison.ts';
import type { Difference } from '../../consumers/reconcile/find-differences.ts';
import {
  isByPosition,
  keyPartsSql,
  keysConditionSql,
  keyTextSql,
} from '../../consumers/reconcile/key-sql.ts';
import { progressLines } from '../../consumers/reconcile/reconcile-progress.ts';
import { reconcileJson, reconcileSummary } from '../../consumers/reconcile/reconcile-summary.ts';
import { MessageSearch } from '../../consumers/reconcile/search-messages.ts';
import { SetAside } from '../../consumers/set-aside.ts';

test('the first ten keys are kept in order, however they come', () => {
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

test('a key is the parts that the table is sorted by, whatever they are called', () => {
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
  assert.deepEqual([isByPosition(['_partition', '_offset']), isByPosition(['_offset'])], [true, false]);
});

const equal: StreamComparison = {
  stream: 'metrics_customer_churn_rate',
  keys: 12_345_678,
  counts: noDifferences(),
  behind: 0,
  deadLetters: 0,
  examples: [],
  views: [{ view: 'metrics_customer_churn_rate', problem: undefined }],
  faults: [],
  notes: [],
};
const counted = (counts: Partial<Record<DifferenceKind, number>>) => ({ ...noDifferences(), ...counts });

const nothing = { deadLetters: false };

const unequal: readonly (readonly [string, Partial<StreamComparison>])[] = [
  ...(['missing', 'stray', 'older', 'other', 'twice'] as const).map(
    (kind) => [kind, { counts: counted({ [kind]: 1 }) }] as const,
  ),
  ['behind', { behind: 1 }],
  ['a dead letter', { deadLetters: 1 }],
  ['a view', { views: [{ view: 'v', problem: 'is missing' }] }],
  ['a fault', { faults: ['no table'] }],
  ['a failure', { failure: new Error('no answer') }],
];
for (const [name, change] of unequal)
  test(`${name} is a difference`, () => {
    assert.equal(isEqual({ ...equal, ...change }, nothing), false);
    assert.match(reconcileSummary([{ ...equal, ...change }], nothing), /DIFFERS|FAILED/);
    assert.equal(reconcileJson({ ...equal, ...change }, nothing)['equal'], false);
  });

test('what is equal takes a line, and notes are no difference', () => {
  assert.equal(
    reconcileSummary([equal], nothing),
    'stream                             keys  views\n' +
      'metrics_customer_churn_rate  12,345,678  equal  equal\n1 stream equal',
  );
  assert.equal(isEqual({ ...equal, notes: ['rows were not compared'] }, nothing), true);
});

test('dead letters are shown where they are allowed, and are no difference then', () => {
  const waiting = { ...equal, stream: 'plans', deadLetters: 52 };
  const allowed = { deadLetters: true };
  const text = reconcileSummary([equal, waiting], allowed);
  assert.match(text, /^plans +12,345,678 +52 +equal +equal$/m);
  assert.match(text, /^plans: 52 dead: npm run dead-letters -- list --streams plans$/m);
  assert.match(text, /^2 streams equal$/m);
  assert.equal(isEqual(waiting, allowed), true);
  const json = reconcileJson(waiting, allowed);
  assert.deepEqual([json['equal'], json['dead_letters']], [true, 52]);
  assert.equal(isEqual({ ...waiting, behind: 1 }, allowed), false);
  assert.match(reconcileSummary([equal, waiting], nothing), /^plans +12,345,678 +52 +equal +DIFFERS$/m);
});

test('the table fits 80 columns when everything is wrong, and says where', () => {
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
  assert.match(text, /: repaired: 1 row made anew, rows of 2 keys deleted, 1,000 keys left to the sink$/m);
  assert.match(text, /: message 0\/7 cannot become a row: why$/m);
  assert.match(text, /^1 of 2 streams equal$/m);
});

test('each stream at work has a line of its progress, as wide as the terminal', () => {
  const active = new Set([
    { stream: 'plans', doing: 'reading the topic', read: 1_200, messages: 5_000 },
    { stream: 'customers', doing: 'comparing views', read: 0, messages: 0 },
  ]);
  assert.deepEqual(progressLines(active, 30), [
    'plans  reading the topic  1,2…',
    'customers  comparing views',
  ]);
});

const letter = (headers: Readonly<Record<string, string>>, value: Buffer | null = Buffer.from('x')) => {
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

test('a message is set aside while its letter waits, and only the very message', () => {
  const setAside = new SetAside('p.');
  assert.equal(setAside.has('p.plans', 1, at('7', '5')), false);
  setAside.note(letter({}));
  assert.equal(setAside.has('p.plans', 1, at('7', '5')), true);
  assert.equal(setAside.has('p.plans', 1, at('7', '6')), false);
  assert.equal(setAside.has('p.plans', 1, at('8', '5')), false);
  assert.equal(setAside.has('p.plans', 2, at('7', '5')), false);
  assert.equal(setAside.has('p.tasks', 1, at('7', '5')), false);
  setAside.note(letter({ state: 'redriven' }));
  assert.equal(setAside.has('p.plans', 1, at('7', '5')), false);
  setAside.note(letter({ state: 'waiting' }));
  assert.equal(setAside.has('p.plans', 1, at('7', '5')), true);
  setAside.note(letter({}, null));
  assert.equal(setAside.has('p.plans', 1, at('7', '5')), false);
  setAside.note(letter({ step: 'produce' }));
  assert.equal(setAside.has('p.plans', 1, at('7', '5')), false);
  setAside.note(letter({}));
  // Whatever has the key of a letter takes its place.
  setAside.note(letter({ topic: 'q.plans' }));
  setAside.note(letter({ offset: 'seven' }));
  assert.equal(setAside.has('p.plans', 1, at('7', '5')), false);
});

test('the letters of a stream that wait are counted, of both steps, each once', () => {
  const setAside = new SetAside('p.');
  const under = (key: string, headers: Readonly<Record<string, string>>, value?: null) =>
    setAside.note({ ...letter(headers, value), key: Buffer.from(key) });
  under('plans|sink|1|7', {});
  under('plans|sink|1|7', { attempts: '1' });
  under('plans|pl_1', { step: 'produce' });
  under('plans|pl_2', { step: 'produce' });
  under('tasks|t', { step: 'produce', stream: 'tasks' });
  assert.deepEqual(
    [...setAside.counts],
    [
      ['plans', 3],
      ['tasks', 1],
    ],
  );
  under('plans|pl_1', { step: 'produce', state: 'redriven' });
  under('plans|pl_2', { step: 'produce' }, null);
  under('tasks|t', { step: 'produce', stream: 'tasks', state: 'redriven' });
  assert.deepEqual([...setAside.counts], [['plans', 1]]);
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

test('a search finds the messages wanted, once, and tells keys that have moved on', () => {
  const [wanted, gone, there, moved] = [
    differing('wanted', place(3, 30)),
    differing('gone'),
    differing('there', place(4, 30)),
    differing('moved', place(5, 30)),
  ];
  const search = new MessageSearch([wanted, gone, there, moved], {
    isThere: new Set([there]),
    wrong: new Map(),
    isByPosition: false,
  });
  search.take(message('wanted', 1, 10), 0);
  search.take(message('wanted', 3, 30), 0);
  search.take(message('wanted', 3, 29), 1);
  search.take(message('other', 3, 30), 0);
  search.take(message('there', 4, 30), 0);
  search.take(message('moved', 5, 30, null), 0);
  assert.equal(search.bytes, 1);
  assert.deepEqual(
    search.fetch().map(({ message: found }) => found.key?.toString()),
    ['wanted', 'moved'],
  );
  assert.deepEqual([search.bytes, search.fetch()], [0, []]);
  search.take(message('moved', 1, 31), 2);
  search.take(message('gone', 9, 40), 0);
  assert.deepEqual(
    [wanted, gone, there, moved].map((difference) => search.hasMoved(difference)),
    [false, true, false, true],
  );
});

test('a row of a message whose key is another text than the row has: neither is made nor taken away', () => {
  const [lacking, stray, copied, own] = [
    differing('{"id":"a"}', place(3, 30)),
    differing('a'),
    differing('copy'),
    differing('own', place(4, 30)),
  ];
  const search = new MessageSearch([lacking, stray, copied, own], {
    isThere: new Set([own]),
    wrong: new Map([
      [stray, [place(3, 30)]],
      [copied, [place(4, 30)]],
    ]),
    isByPosition: false,
  });
  search.take(message('{"id":"a"}', 3, 30), 0);
  search.take(message('own', 4, 30), 0);
  assert.deepEqual(search.fetch(), []);
  const all = [lacking, stray, copied, own];
  assert.deepEqual(
    all.map((difference) => search.isKeyedOtherwise(difference)),
    [true, true, false, false],
  );
});

test('a search by position finds the message in its place, whatever its key', () => {
  const wanted = differing('0|3', place(3, 30));
  const search = new MessageSearch([wanted], { isThere: new Set(), wrong: new Map(), isByPosition: true });
  search.take(message('0|3', 4, 30), 0);
  search.take(message('any', 3, 30), 1);
  assert.equal(search.fetch().length, 0);
  search.take({ ...message('any', 3, 30), key: null }, 0);
  assert.equal(search.fetch().length, 1);
});
