import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';
import fc from 'fast-check';
import { UnreadableBatchError } from '../../../../../core/errors.ts';
import { messagesOf } from '../../../../../core/kafka/decoder/packed-batch.ts';
import { decodeFetched } from '../../../../../core/kafka/decoder/record-batch.ts';
import { scanRecords, type AbortedTransaction } from '../../../../../core/kafka/decoder/record-scan.ts';
import {
  batchBytes,
  batchOf,
  CONTROL,
  GZIP,
  recordOf,
  sample,
  TRANSACTIONAL,
  type BatchOf,
} from '../../../../fixtures/record-batches.ts';

interface KafkajsMessage {
  readonly offset: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** kafkajs's view of a response: without markers and aborted messages. */
const Batch = createRequire(import.meta.url)('kafkajs/src/consumer/batch.js') as new (
  topic: string,
  from: string,
  answer: object,
) => { readonly messages: readonly KafkajsMessage[] };

const NAME = Buffer.from('a');
const shown = (key: Buffer | null, hasValue: boolean, header: unknown) =>
  [key?.toString('hex'), hasValue, Buffer.isBuffer(header) ? header.toString('hex') : undefined] as const;

async function scan(batches: readonly BatchOf[], aborted: readonly AbortedTransaction[] = [], from = 0n) {
  const records: ReturnType<typeof shown>[] = [];
  const bytes = Buffer.concat(batches.map((batch) => batchBytes(batch)));
  const next = await scanRecords({ bytes, aborted }, from, (record) => {
    records.push(shown(record.key, record.hasValue, record.header(NAME)));
  });
  return { records, next };
}

async function kafkajsRecords(
  batches: readonly BatchOf[],
  aborted: readonly AbortedTransaction[],
  from: bigint,
) {
  const messages = await decodeFetched(Buffer.concat(batches.map((batch) => batchBytes(batch))));
  const answer = { partition: 0, highWatermark: '1000', messages, abortedTransactions: aborted };
  return [...messagesOf(new Batch('topic', String(from), answer).messages)]
    .filter(({ offset }) => BigInt(offset) >= from)
    .map(({ key, value, headers }) => shown(key, value !== null, headers['a']));
}

const COMMIT = Buffer.from([0, 0, 0, 1]);
const ABORT = Buffer.from([0, 0, 0, 0]);

const anyBytes = fc.option(fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)));
const anyRecord = fc.record({
  key: anyBytes,
  value: anyBytes,
  headers: fc.array(fc.tuple(fc.constantFrom('a', 'b', 'aa'), anyBytes), { maxLength: 3 }),
  isCompacted: fc.boolean(),
});
const anyStep = fc.oneof(
  fc.record({
    producer: fc.nat(2),
    isGzip: fc.boolean(),
    records: fc.array(anyRecord, { minLength: 1, maxLength: 4 }),
  }),
  fc.record({ producer: fc.nat(1), isAbort: fc.boolean() }),
);

/** A log of two transactional producers and one that is not, and its aborted transactions. */
function logOf(steps: readonly (typeof anyStep extends fc.Arbitrary<infer T> ? T : never)[]) {
  const batches: BatchOf[] = [];
  const aborted: AbortedTransaction[] = [];
  const open = new Map<number, bigint>();
  let next = 0n;
  for (const step of steps) {
    const firstOffset = next;
    const producerId = step.producer === 2 ? -1n : BigInt(step.producer);
    if ('records' in step) {
      const isTransactional = step.producer < 2;
      if (isTransactional && !open.has(step.producer)) open.set(step.producer, firstOffset);
      next += BigInt(step.records.length);
      const records = step.records.flatMap(({ isCompacted, ...record }, delta) =>
        isCompacted ? [] : [recordOf(delta, record)],
      );
      const attributes = (isTransactional ? TRANSACTIONAL : 0) | (step.isGzip ? GZIP : 0);
      batches.push(batchOf([], Number(next) - 1, { firstOffset, attributes, producerId, records }));
    } else if (open.has(step.producer)) {
      next += 1n;
      const first = open.get(step.producer) ?? 0n;
      if (step.isAbort) aborted.push({ producerId: String(producerId), firstOffset: String(first) });
      open.delete(step.producer);
      const records = [recordOf(0, { key: step.isAbort ? ABORT : COMMIT, value: Buffer.alloc(6) })];
      const attributes = TRANSACTIONAL | CONTROL;
      batches.push(batchOf([], Number(firstOffset), { firstOffset, attributes, producerId, records }));
    }
  }
  // A response ends before a transaction that is open.
  const stable = [...open.values()].reduce((least, first) => (first < least ? first : least), next);
  aborted.sort((a, b) => Number(a.firstOffset) - Number(b.firstOffset));
  return { batches: batches.filter(({ firstOffset }) => firstOffset < stable), aborted };
}

test('the scan passes the records that kafkajs passes, with their keys and headers', () =>
  fc.assert(
    fc.asyncProperty(fc.array(anyStep, { maxLength: 12 }), fc.nat(10), async (steps, from) => {
      const { batches, aborted } = logOf(steps);
      const reached = batches.filter(
        ({ firstOffset, lastOffsetDelta }) => firstOffset + BigInt(lastOffsetDelta) >= BigInt(from),
      );
      const { records, next } = await scan(reached, aborted, BigInt(from));
      assert.deepEqual(records, await kafkajsRecords(reached, aborted, BigInt(from)));
      const last = reached.at(-1);
      const end = last === undefined ? BigInt(from) : last.firstOffset + BigInt(last.lastOffsetDelta) + 1n;
      assert.equal(next, end);
    }),
  ));

test('the scan gets past batches that compaction emptied, and stops before a cut one', async () => {
  const bytes = Buffer.concat(sample.map((batch) => batchBytes(batch)));
  const count = async (length: number) => {
    let records = 0;
    const next = await scanRecords({ bytes: bytes.subarray(0, length), aborted: [] }, 10n, () => records++);
    return { records, next };
  };
  assert.deepEqual(await count(bytes.length), { records: 5, next: 21n });
  assert.deepEqual(await count(bytes.length - 1), { records: 5, next: 16n });
  assert.deepEqual(await count(10), { records: 0, next: 10n });
});

test('the scan rejects damaged batches as unreadable', () =>
  fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 40 }), fc.nat(3), async (body, count) => {
      const records = Buffer.from([body.length * 2, ...body, 0, 0, 0, 0]);
      const bytes = batchBytes(batchOf([], 19), { count, body: records });
      await scanRecords({ bytes, aborted: [] }, 10n, (record) => record.header(NAME)).catch(
        (error: unknown) => {
          assert.ok(error instanceof UnreadableBatchError);
        },
      );
    }),
    { numRuns: 1000 },
  ));
