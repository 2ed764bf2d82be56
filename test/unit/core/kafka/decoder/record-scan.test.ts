import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { UnreadableBatchError } from '../../../../../core/errors.ts';
import {
  markAborted,
  type AbortedTransaction,
} from '../../../../../core/kafka/decoder/aborted-transactions.ts';
import { messagesOf } from '../../../../../core/kafka/decoder/packed-batch.ts';
import { decodeFetched } from '../../../../../core/kafka/decoder/record-batch.ts';
import { scanRecords } from '../../../../../core/kafka/decoder/record-scan.ts';
import {
  batchBytes,
  batchOf,
  CONTROL,
  GZIP,
  recordOf,
  sample,
  TRANSACTIONAL,
  type BatchOf,
  type RecordOf,
} from '../../../../fixtures/record-batches.ts';

const NAME = Buffer.from('a');
const shown = (key: Buffer | null, hasValue: boolean, header: unknown) =>
  [key?.toString('hex'), hasValue, Buffer.isBuffer(header) ? header.toString('hex') : undefined] as const;

async function scan(batches: readonly BatchOf[], aborted: readonly AbortedTransaction[] = [], from = 0n) {
  const records: ReturnType<typeof shown>[] = [];
  const bytes = Buffer.concat(batches.map((batch) => batchBytes(batch)));
  const next = await scanRecords({ bytes, aborted }, from, (record) => {
    const header = record.header(NAME);
    const words = Int32Array.of(1, 2, 3, 4);
    record.headerWords(NAME, words, 1);
    const expected = header?.length === 8 ? [header.readInt32LE(0), header.readInt32LE(4)] : [0, 0];
    assert.deepEqual([...words], [1, ...expected, 4]);
    records.push(shown(record.key, record.hasValue, header));
  });
  return { records, next };
}

/** Returns the records that a consumer receives from the offset `from` on. */
async function decoded(batches: readonly BatchOf[], aborted: readonly AbortedTransaction[], from: bigint) {
  const messages = await decodeFetched(Buffer.concat(batches.map((batch) => batchBytes(batch))));
  return [...messagesOf(markAborted(messages, aborted))]
    .filter(({ offset, isControlRecord }) => !isControlRecord && BigInt(offset) >= from)
    .map(({ key, value, headers }) => shown(key, value !== null, headers['a']));
}

const COMMIT = Buffer.from([0, 0, 0, 1]);
const ABORT = Buffer.from([0, 0, 0, 0]);

const anyBytes = fc.option(
  fc
    .oneof(fc.uint8Array({ maxLength: 20 }), fc.uint8Array({ minLength: 8, maxLength: 8 }))
    .map((bytes) => Buffer.from(bytes)),
);
const anyRecord = fc.record({
  key: anyBytes,
  value: anyBytes,
  headers: fc.array(fc.tuple(fc.constantFrom('a', 'b', 'aa'), anyBytes), { maxLength: 3 }),
  isCompacted: fc.boolean(),
});
/** The producer without transactions. Producers 0 to 2 are transactional. */
const PLAIN = 3;
const anyStep = fc.oneof(
  fc.record({
    producer: fc.nat(PLAIN),
    isGzip: fc.boolean(),
    records: fc.array(anyRecord, { minLength: 1, maxLength: 4 }),
  }),
  fc.record({ producer: fc.nat(PLAIN - 1), isAbort: fc.boolean() }),
);
type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never;

/**
 * Returns a log of several producers: its batches, its committed records, and its aborted
 * transactions, in the order of their markers, as a broker lists them.
 */
function logOf(steps: readonly Step[]) {
  const batches: BatchOf[] = [];
  const aborted: (AbortedTransaction & { marker: bigint })[] = [];
  const open = new Map<number, { first: bigint; records: { offset: bigint; record: RecordOf }[] }>();
  const committed: { offset: bigint; record: RecordOf }[] = [];
  let next = 0n;
  for (const step of steps) {
    const firstOffset = next;
    const producerId = step.producer === PLAIN ? -1n : BigInt(step.producer);
    const transaction = open.get(step.producer) ?? { first: firstOffset, records: [] };
    if ('records' in step) {
      const isTransactional = step.producer < PLAIN;
      if (isTransactional) open.set(step.producer, transaction);
      next += BigInt(step.records.length);
      const records = step.records.flatMap(({ isCompacted, ...record }, delta) =>
        isCompacted ? [] : [recordOf(delta, record)],
      );
      const placed = records.map((record) => ({ offset: firstOffset + BigInt(record.offsetDelta), record }));
      (isTransactional ? transaction.records : committed).push(...placed);
      const attributes = (isTransactional ? TRANSACTIONAL : 0) | (step.isGzip ? GZIP : 0);
      batches.push(batchOf([], Number(next) - 1, { firstOffset, attributes, producerId, records }));
    } else if (open.has(step.producer)) {
      next += 1n;
      const of = { producerId: String(producerId), firstOffset: String(transaction.first) };
      if (step.isAbort) aborted.push({ ...of, marker: firstOffset });
      else committed.push(...transaction.records);
      open.delete(step.producer);
      const records = [recordOf(0, { key: step.isAbort ? ABORT : COMMIT, value: Buffer.alloc(6) })];
      const attributes = TRANSACTIONAL | CONTROL;
      batches.push(batchOf([], Number(firstOffset), { firstOffset, attributes, producerId, records }));
    }
  }
  // A response ends before the first open transaction.
  const stable = [...open.values()].reduce((least, { first }) => (first < least ? first : least), next);
  return {
    batches: batches.filter(({ firstOffset }) => firstOffset < stable),
    aborted,
    committed: committed
      .filter(({ offset }) => offset < stable)
      .sort((a, b) => Number(a.offset - b.offset))
      .map(({ offset, record: { key, value, headers } }) => {
        const found = headers.filter(([name]) => name === 'a');
        return { offset, record: shown(key, value !== null, found.length === 1 ? found[0]?.[1] : undefined) };
      }),
  };
}

test('the scan and the decoder return exactly the committed records from any offset on', () =>
  fc.assert(
    fc.asyncProperty(fc.array(anyStep, { maxLength: 16 }), fc.nat(12), async (steps, start) => {
      const from = BigInt(start);
      const { batches, aborted, committed } = logOf(steps);
      const reached = batches.filter(
        ({ firstOffset, lastOffsetDelta }) => firstOffset + BigInt(lastOffsetDelta) >= from,
      );
      const reaching = aborted.filter(({ marker }) => marker >= from);
      const expected = committed.filter(({ offset }) => offset >= from).map(({ record }) => record);
      const { records, next } = await scan(reached, reaching, from);
      assert.deepEqual(records, expected);
      assert.deepEqual(await decoded(reached, reaching, from), expected);
      const last = reached.at(-1);
      const end = last === undefined ? from : last.firstOffset + BigInt(last.lastOffsetDelta) + 1n;
      assert.equal(next, end);
    }),
    { numRuns: 500 },
  ));

test('all records of aborted transactions are hidden, whatever the order of their aborts', async () => {
  const data = (offset: number, producerId: bigint, key = 'k') =>
    batchOf([], offset, {
      ...{ firstOffset: BigInt(offset), attributes: TRANSACTIONAL, producerId },
      records: [recordOf(0, { key: Buffer.from(key) })],
    });
  const marker = (offset: number, producerId: bigint, key: Buffer) =>
    batchOf([], offset, {
      ...{ firstOffset: BigInt(offset), attributes: TRANSACTIONAL | CONTROL, producerId },
      records: [recordOf(0, { key })],
    });
  const batches = [
    ...[data(0, 1n), data(1, 2n), data(2, 3n, 'stored')],
    ...[marker(3, 2n, ABORT), marker(4, 1n, ABORT), marker(5, 3n, COMMIT)],
    // The key of a Java producer may be the integer 0, which has the bytes of an abort marker.
    ...[data(6, 1n, '\0\0\0\0'), data(7, 1n), marker(8, 1n, ABORT), data(9, 1n, 'also stored')],
    marker(10, 1n, COMMIT),
  ];
  const aborted = [
    { producerId: '2', firstOffset: '1' },
    { producerId: '1', firstOffset: '0' },
    { producerId: '1', firstOffset: '6' },
  ];
  const expected = ['stored', 'also stored'].map((key) => shown(Buffer.from(key), true, undefined));
  assert.deepEqual((await scan(batches, aborted)).records, expected);
  assert.deepEqual(await decoded(batches, aborted, 0n), expected);
});

test('the scan skips batches that compaction emptied, and stops before a truncated one', async () => {
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

test('the scan reads a batch with any bytes as records, or reports it as unreadable', () =>
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

test('markAborted keeps messages of the old format, even if later transactions were aborted', () => {
  // A message as kafkajs decodes it from an old message set.
  const old = { offset: '3', timestamp: '0', attributes: 0, key: null, value: Buffer.from('v') } as never;
  assert.deepEqual(markAborted([old], [{ producerId: '1', firstOffset: '4' }]), [old]);
});
