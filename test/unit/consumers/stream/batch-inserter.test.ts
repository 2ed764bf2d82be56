import assert from 'node:assert/strict';
import test from 'node:test';
import type { KafkaMessage } from 'kafkajs';
import pLimit from 'p-limit';
import { Batch } from '../../../../consumers/stream/batch.ts';
import { BatchInserter } from '../../../../consumers/stream/batch-inserter.ts';
import type { InsertOutcome } from '../../../../consumers/table/insert-rows.ts';
import type { StorageTable } from '../../../../consumers/table/storage-table.ts';
import { SinkCounts } from '../../../../consumers/report/sink-counts.ts';
import { RowBuffer } from '../../../../consumers/transcode/row-buffer.ts';
import { DecodeError } from '../../../../core/errors.ts';
import { serviceRetry } from '../../../../core/retry.ts';

const refused: InsertOutcome = { kind: 'refused', reason: 'code 469' };
const message = (offset: number, more: Partial<Pick<KafkaMessage, 'key' | 'value'>> = {}): KafkaMessage => ({
  key: Buffer.from('k'),
  value: Buffer.alloc(9),
  timestamp: '1700000000000',
  attributes: 0,
  headers: {},
  offset: String(offset),
  ...more,
});

/** Returns a batch of one partition's rows that can be inserted row by row. */
function batchOf(rows: number): Batch {
  const batch = new Batch([], new RowBuffer(), 0n, true);
  for (let offset = 0; offset < rows; offset++) batch.endRow(0, message(offset), 1, false);
  return batch;
}

interface Fakes {
  readonly insert: (generation: AbortSignal) => InsertOutcome;
  readonly matchesShape?: () => boolean;
  readonly whileVerifying?: () => void;
}

function createInserter({ insert, matchesShape = () => true, whileVerifying = () => {} }: Fakes) {
  const deadLetters: string[] = [];
  const table = {
    name: 'plans_raw',
    stream: 'plans',
    insert: (_: unknown, generation: AbortSignal) => Promise.resolve(insert(generation)),
    matchesShape: () => Promise.resolve(matchesShape()),
  };
  let generation = new AbortController();
  const partitions = {
    get generation() {
      return generation.signal;
    },
    assigned: [0],
  };
  const inserter = new BatchInserter({
    topic: 't.plans',
    table: table as unknown as StorageTable,
    positions: {
      stillHold: () => {
        whileVerifying();
        return Promise.resolve(true);
      },
    },
    deadLetters: {
      send: (sent) => {
        deadLetters.push(...sent.map((deadLetter) => deadLetter.message.offset));
        return Promise.resolve();
      },
    },
    counts: new SinkCounts('plans', 'plans_raw'),
    policy: serviceRetry,
    limit: pLimit(1),
  });
  return {
    deadLetters,
    insert: (batch: Batch) => inserter.insert(batch, partitions),
    /** Mimics {@link TopicPartitions.assign}. */
    assign: () => {
      generation.abort();
      generation = new AbortController();
    },
  };
}

test('an insert is aborted when the partitions are reassigned during its verification', async () => {
  const seen: boolean[] = [];
  const created: ReturnType<typeof createInserter> = createInserter({
    insert: (generation) => {
      seen.push(generation.aborted);
      return { kind: 'inserted' };
    },
    whileVerifying: () => created.assign(),
  });
  await created.insert(batchOf(3));
  assert.deepEqual(seen, [true]);
});

test('a refused row becomes a dead letter, and the other rows are inserted', async () => {
  let asked = 0;
  // The inserts contain all three rows, the first row, the other two, and then each of these two.
  const outcomes = [refused, { kind: 'inserted' } as const, refused, refused, { kind: 'inserted' } as const];
  const { insert, deadLetters } = createInserter({ insert: () => outcomes[asked++] ?? refused });
  assert.equal(await insert(batchOf(3)), 'inserted');
  assert.deepEqual({ inserts: asked, deadLetters }, { inserts: 5, deadLetters: ['1'] });
});

test('rows refused because the table changed do not become dead letters', async () => {
  let looked = 0;
  const { insert, deadLetters } = createInserter({
    insert: () => refused,
    matchesShape: () => ++looked === 1,
  });
  assert.equal(await insert(batchOf(64)), 'changed');
  assert.deepEqual({ checks: looked, deadLetters }, { checks: 2, deadLetters: [] });
});

test('a hundred consecutive refused rows fail the stream', async () => {
  const { insert, deadLetters } = createInserter({ insert: () => refused });
  await assert.rejects(insert(batchOf(1_000)), /table plans_raw refuses every row/);
  assert.equal(deadLetters.length, 99);
});

test('Batch.reject copies the message from its fetch buffer and counts only its own bytes', () => {
  const batch = batchOf(0);
  const fetched = Buffer.alloc(100_000);
  const set = message(7, { key: fetched.subarray(0, 10), value: fetched.subarray(10, 1_010) });
  const error = new DecodeError('x');
  batch.reject({ stream: 'plans', topic: 't', partition: 0, message: set, schemaId: undefined, error });
  assert.ok(batch.deadLetterBytes > 1_010 && batch.deadLetterBytes < 3_000);
  const [deadLetter] = batch.deadLetters;
  assert.deepEqual(
    { key: deadLetter?.message.key, value: deadLetter?.message.value },
    { key: set.key, value: set.value },
  );
  assert.ok((deadLetter?.message.value?.buffer.byteLength ?? Infinity) < fetched.length);
});
