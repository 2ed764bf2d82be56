import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import test, { type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { beginCheckpoint, CheckpointTracker } from '../../../../producers/state/checkpoint-tracker.ts';
import { parseCheckpoint } from '../../../../producers/state/checkpoint.ts';
import { sourceList } from '../../../../producers/chartmogul/source-list.ts';
import { bytesOf, type Message, type TopicMessages } from '../../../../producers/encode/message.ts';
import {
  TransactionWritable,
  type EncodedPage,
  type TransactionWritableOptions,
} from '../../../../producers/publish/transaction-writable.ts';
import { entriesOf } from '../../../helpers/stream-encoding.ts';

const list = sourceList({ listKey: 'plans', paging: 'detect' }, '/plans', {});
const topics = { stream: 'plans', checkpoints: 'checkpoints', deadLetters: 'dead-letters' };

/** Returns a message of the given number of bytes. */
const message = (key: number, bytes = String(key).length): Message => ({
  key: String(key),
  value: Buffer.alloc(bytes - String(key).length),
});

function pageOf(
  number: number,
  messages: readonly Message[],
  deadLetters: readonly Message[] = [],
): EncodedPage {
  const entries = entriesOf([...messages, ...deadLetters].map(({ key }) => key));
  return { kind: 'page', list, number, entries, next: { page: number + 1 }, messages, deadLetters };
}

/** Returns pages of one small message each. */
const pages = (count: number, first = 1) =>
  Array.from({ length: count }, (_, at) => pageOf(first + at, [message(first + at)]));

interface Transaction {
  readonly messages: readonly string[];
  readonly deadLetters: readonly string[];
  /** The page count of the checkpoint, which is the last message of a transaction. */
  readonly pages: number | undefined;
}

function transactionOf(batches: readonly TopicMessages[]): Transaction {
  assert.deepEqual(
    batches.map(({ topic }) => topic),
    ['plans', 'dead-letters', 'checkpoints'],
  );
  const [messages = [], deadLetters = [], checkpoints = []] = batches.map((batch) => batch.messages);
  const checkpoint = parseCheckpoint(String(checkpoints.at(-1)?.value));
  assert.equal(checkpoint?.slices.get(list.id)?.pages, checkpoint?.pages);
  return {
    messages: messages.map(({ key }) => key),
    deadLetters: deadLetters.map(({ key }) => key),
    pages: checkpoint?.pages,
  };
}

/** Creates a writable whose commits end immediately or when the test settles them in `waiting`. */
function createWritable(
  commits: 'immediately' | 'on request',
  options: Partial<TransactionWritableOptions> = {},
) {
  const transactions: Transaction[] = [];
  const waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const reported: [messages: number, bytes: number][] = [];
  const start = { run: 'r', nowMs: 0, isFull: false, fullRoundDays: 7, isListed: () => true };
  const writable = new TransactionWritable({
    commit: async (batches) => {
      transactions.push(transactionOf(batches));
      if (commits === 'on request')
        await new Promise<void>((resolve, reject) => waiting.push({ resolve, reject }));
    },
    topics,
    tracker: new CheckpointTracker('plans', beginCheckpoint(undefined, start).checkpoint),
    onCommitted: (...counts) => reported.push(counts),
    maxAgeMs: 60_000,
    ...options,
  });
  return { writable, transactions, waiting, reported };
}

/** Waits until pending work has run. */
async function settled(turns = 20): Promise<void> {
  for (let turned = 0; turned < turns; turned++) await turn();
}

const texts = (...keys: number[]) => keys.map(String);

const batching: readonly (readonly [
  name: string,
  options: Partial<TransactionWritableOptions>,
  pages: readonly EncodedPage[],
  expected: readonly Transaction[],
])[] = [
  [
    'at the page limit',
    { maxPages: 2 },
    pages(5),
    [
      { messages: texts(1, 2), deadLetters: [], pages: 2 },
      { messages: texts(3, 4), deadLetters: [], pages: 4 },
      { messages: texts(5), deadLetters: [], pages: 5 },
    ],
  ],
  [
    'at the byte limit',
    { maxBytes: 20 },
    [pageOf(1, [message(1, 10), message(2, 9)]), pageOf(2, [message(3, 1)]), pageOf(3, [message(4, 19)])],
    [
      { messages: texts(1, 2, 3), deadLetters: [], pages: 2 },
      { messages: texts(4), deadLetters: [], pages: 3 },
    ],
  ],
  [
    'at the byte limit, which includes dead letters',
    { maxBytes: 20 },
    [pageOf(1, [message(1, 10)], [message(2, 10)]), pageOf(2, [], [message(3, 19)]), ...pages(1, 3)],
    [
      { messages: texts(1), deadLetters: texts(2), pages: 1 },
      { messages: texts(3), deadLetters: texts(3), pages: 3 },
    ],
  ],
  [
    'for a single page beyond the limit',
    { maxBytes: 20 },
    [pageOf(1, [message(1, 90), message(2, 90)]), ...pages(1, 2)],
    [
      { messages: texts(1, 2), deadLetters: [], pages: 1 },
      { messages: texts(2), deadLetters: [], pages: 2 },
    ],
  ],
  ['at the end', {}, pages(2), [{ messages: texts(1, 2), deadLetters: [], pages: 2 }]],
  [
    'even for unchanged pages, because the checkpoint advances',
    {},
    [pageOf(1, []), pageOf(2, [])],
    [{ messages: [], deadLetters: [], pages: 2 }],
  ],
  ['only if there are pages', {}, [], []],
];
for (const [name, options, written, expected] of batching) {
  test(`a transaction is committed ${name}`, async () => {
    const { writable, transactions, reported } = createWritable('immediately', options);
    await pipeline(Readable.from(written), writable);
    assert.deepEqual(transactions, expected);
    assert.deepEqual(
      reported.map(([messages]) => messages),
      expected.map(({ messages }) => messages.length),
    );
  });
}

test('commits report messages and bytes without dead letters', async () => {
  const { writable, reported, waiting } = createWritable('on request');
  const messages = [
    { key: 'é', value: null },
    { key: 'b', value: Buffer.alloc(3), headers: { hash: Buffer.alloc(8) } },
  ];
  writable.end(pageOf(1, messages, [message(1, 50)]));
  await settled();
  assert.deepEqual({ waiting: waiting.length, reported }, { waiting: 1, reported: [] });
  waiting.shift()?.resolve();
  await once(writable, 'close');
  assert.deepEqual(reported, [[2, 2 + 1 + 3 + 8]]);
});

/** Mocks the timers. Returns a function that advances them. */
function mockTime(t: TestContext): (ms: number) => Promise<void> {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  return async (ms) => {
    t.mock.timers.tick(ms);
    await settled();
  };
}

test('a transaction is committed when its first page has waited for the time limit', async (t) => {
  const pass = mockTime(t);
  const { writable, transactions } = createWritable('immediately', { maxAgeMs: 1_000 });
  const [one, two, three] = pages(3);
  writable.write(one);
  await pass(600);
  writable.write(two);
  await pass(399);
  assert.equal(transactions.length, 0);
  await pass(1);
  assert.deepEqual(transactions.at(-1), { messages: texts(1, 2), deadLetters: [], pages: 2 });
  await pass(5_000);
  writable.write(three);
  await pass(999);
  assert.equal(transactions.length, 1);
  await pass(1);
  assert.deepEqual(transactions.at(-1), { messages: texts(3), deadLetters: [], pages: 3 });
  writable.end();
  await once(writable, 'close');
  assert.equal(transactions.length, 2);
});

test('a page that arrives while another waits for its commit has its own time limit', async (t) => {
  const pass = mockTime(t);
  const { writable, transactions, waiting } = createWritable('on request', { maxAgeMs: 1_000 });
  const [one, two] = pages(2);
  writable.write(one);
  await pass(1_000);
  writable.write(two);
  await pass(999);
  waiting.shift()?.resolve();
  await settled();
  assert.equal(transactions.length, 1);
  await pass(1);
  assert.deepEqual(transactions.at(-1), { messages: texts(2), deadLetters: [], pages: 2 });
  waiting.shift()?.resolve();
  writable.destroy();
});

test('a page after a full transaction has the full time limit', async (t) => {
  const pass = mockTime(t);
  const { writable, transactions } = createWritable('immediately', { maxPages: 2, maxAgeMs: 1_000 });
  const [one, two, three] = pages(3);
  writable.write(one);
  writable.write(two);
  await pass(600);
  writable.write(three);
  await pass(999);
  assert.equal(transactions.length, 1);
  await pass(1);
  assert.equal(transactions.length, 2);
  writable.destroy();
});

test('a page that arrives as a commit starts is in it or in the next, with its checkpoint', async (t) => {
  const pass = mockTime(t);
  for (let microtasks = 0; microtasks < 10; microtasks++) {
    const { writable, transactions } = createWritable('immediately', { maxAgeMs: 1_000 });
    const [one, two] = pages(2);
    writable.write(one);
    await pass(999);
    t.mock.timers.tick(1);
    for (let waited = 0; waited < microtasks; waited++) await Promise.resolve();
    writable.end(two);
    await once(writable, 'close');
    assert.deepEqual(
      transactions.flatMap(({ messages }) => messages),
      texts(1, 2),
    );
    for (const { messages, pages: last } of transactions) assert.equal(messages.at(-1), String(last));
  }
});

test('the source is read at most one transaction and three pages ahead of an open commit', async () => {
  const { writable, transactions, waiting } = createWritable('on request', { maxPages: 10 });
  let read = 0;
  function* source() {
    while (read < 100) yield* pages(1, ++read);
  }
  const done = pipeline(Readable.from(source(), { highWaterMark: 1 }), writable);
  for (let committed = 0; committed < 10; committed++) {
    await settled();
    assert.equal(transactions.length, committed + 1);
    assert.ok(read <= 10 * (committed + 2) + 3, `${read} pages were read`);
    waiting.shift()?.resolve();
  }
  await done;
  assert.deepEqual(
    transactions.flatMap(({ messages }) => messages),
    texts(...Array.from({ length: 100 }, (_, at) => at + 1)),
  );
});

test('a transaction that reaches its time limit does not overlap another', async (t) => {
  const pass = mockTime(t);
  const { writable, transactions, waiting } = createWritable('on request', { maxPages: 3, maxAgeMs: 1 });
  const [first, ...others] = pages(5);
  writable.write(first);
  await pass(1);
  for (const page of others) writable.write(page);
  await settled();
  assert.deepEqual(
    transactions.map(({ messages }) => messages),
    [texts(1)],
  );
  writable.end();
  for (const expected of [2, 3]) {
    waiting.shift()?.resolve();
    await settled();
    assert.equal(transactions.length, expected);
  }
  waiting.shift()?.resolve();
  await once(writable, 'finish');
  assert.deepEqual(transactions, [
    { messages: texts(1), deadLetters: [], pages: 1 },
    { messages: texts(2, 3, 4), deadLetters: [], pages: 4 },
    { messages: texts(5), deadLetters: [], pages: 5 },
  ]);
});

for (const [name, options, count] of [
  ['a full transaction', { maxPages: 1 }, 3],
  ['a timed transaction', { maxPages: 2, maxAgeMs: 1 }, 1],
  ['a timed transaction before a full one', { maxPages: 2, maxAgeMs: 1 }, 4],
  ['the last transaction', {}, 1],
] as const) {
  test(`the pipeline ends and sends nothing more if ${name} fails`, async (t) => {
    const pass = mockTime(t);
    const { writable, transactions, waiting, reported } = createWritable('on request', options);
    const hasTimeLimit = 'maxAgeMs' in options;
    async function* source() {
      yield* pages(1);
      if (hasTimeLimit) await pass(1);
      yield* pages(count - 1, 2);
      // Since Node 22, a pipeline rejects only after its source has ended.
      if (hasTimeLimit) await new Promise((resolve) => writable.once('close', resolve));
    }
    const done = pipeline(source, writable);
    done.catch(() => {});
    await settled(100);
    assert.equal(waiting.length, 1);
    waiting.shift()?.reject(new Error('refused'));
    await assert.rejects(done, { message: 'refused' });
    await pass(60_000);
    assert.ok(writable.destroyed);
    assert.deepEqual(
      { transactions: transactions.length, reported: reported.length },
      { transactions: 1, reported: 0 },
    );
  });
}

test('a writable that is destroyed during a commit closes when Kafka has responded', async () => {
  const { writable, transactions, waiting } = createWritable('on request', { maxPages: 1 });
  for (const page of pages(3)) writable.write(page);
  await settled();
  let isClosed = false;
  writable.on('close', () => (isClosed = true));
  writable.destroy();
  await settled();
  assert.ok(!isClosed);
  waiting.shift()?.resolve();
  await settled();
  assert.ok(isClosed);
  assert.deepEqual(
    transactions.map(({ messages }) => messages),
    [texts(1)],
  );
});

test('a writable that is destroyed with waiting pages sends nothing afterwards', async (t) => {
  const pass = mockTime(t);
  const { writable, transactions } = createWritable('immediately', { maxAgeMs: 5 });
  writable.write(pages(1)[0]);
  writable.destroy();
  await once(writable, 'close');
  await pass(60_000);
  assert.deepEqual(transactions, []);
});

const anyMessages = fc.array(fc.integer({ min: 4, max: 40 }), { maxLength: 4 });

test('transactions keep the pages in order, each with its checkpoint, under any limits', async () => {
  const anyPages = fc.array(fc.tuple(anyMessages, anyMessages), { maxLength: 20 });
  const anyLimits = fc.record({
    maxBytes: fc.integer({ min: 1, max: 200 }),
    maxPages: fc.integer({ min: 1, max: 6 }),
  });
  await fc.assert(
    fc.asyncProperty(anyPages, anyLimits, async (sizes, limits) => {
      let key = 0;
      const written = sizes.map(([messages, deadLetters], at) =>
        pageOf(
          at + 1,
          messages.map((bytes) => message(++key, bytes)),
          deadLetters.map((bytes) => message(++key, bytes)),
        ),
      );
      const { writable, transactions, reported } = createWritable('immediately', limits);
      await pipeline(Readable.from(written), writable);
      let first = 0;
      for (const [index, { messages, deadLetters, pages: last = 0 }] of transactions.entries()) {
        const own = written.slice(first, last);
        assert.deepEqual(
          messages,
          own.flatMap((page) => page.messages.map((each) => each.key)),
        );
        assert.deepEqual(
          deadLetters,
          own.flatMap((page) => page.deadLetters.map((each) => each.key)),
        );
        const isFull = (some: readonly EncodedPage[]) =>
          some.length >= limits.maxPages ||
          some
            .flatMap((page) => [...page.messages, ...page.deadLetters])
            .reduce((sum, each) => sum + bytesOf(each), 0) >= limits.maxBytes;
        assert.ok(!isFull(own.slice(0, -1)));
        assert.ok(isFull(own) || index === transactions.length - 1);
        first = last;
      }
      assert.equal(first, written.length);
      const bytes = written.flatMap(({ messages }) => messages).reduce((sum, each) => sum + bytesOf(each), 0);
      assert.equal(
        reported.reduce((sum, [, each]) => sum + each, 0),
        bytes,
      );
    }),
  );
});

test('the end of a visit is committed even if no page follows', async () => {
  const commits: string[][] = [];
  const start = { run: 'r', nowMs: 0, isFull: false, fullRoundDays: 7, isListed: () => true };
  const writable = new TransactionWritable({
    commit: (batches) => {
      commits.push(batches.flatMap(({ messages }) => messages.map(({ key }) => key)));
      return Promise.resolve();
    },
    topics,
    tracker: new CheckpointTracker('s', beginCheckpoint(undefined, start).checkpoint),
    onCommitted: () => {},
  });
  const end = { kind: 'visit-end', visit: { parent: 'p', token: Buffer.alloc(8) } } as const;
  await pipeline(Readable.from([{ kind: 'plan', lists: [] }, end]), writable);
  assert.deepEqual(commits, [['s|visit|p', 's']]);
});

test('a plan without a page commits nothing', async () => {
  const { writable, transactions } = createWritable('immediately');
  await pipeline(Readable.from([{ kind: 'plan', lists: [list] }]), writable);
  assert.deepEqual(transactions, []);
});
