import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { SinkCounts } from '../../../../consumers/report/sink-counts.ts';
import { BatchFiller } from '../../../../consumers/stream/batch-filler.ts';
import { RowBuffers } from '../../../../consumers/stream/row-buffers.ts';
import type { StreamSchemas } from '../../../../consumers/stream/stream-schemas.ts';
import type { TopicPartitions } from '../../../../consumers/stream/topic-partitions.ts';
import type { StorageTable } from '../../../../consumers/table/storage-table.ts';

const [AGE_MS, QUIET_MS] = [350, 150];

/** Starts a batch at time 0 on a clock that the test advances. */
function startBatch(t: TestContext, lastInsertMs: number) {
  let nowMs = 0;
  t.mock.method(performance, 'now', () => nowMs);
  const filler = new BatchFiller({
    topic: 't.plans',
    table: { columns: [] } as unknown as StorageTable,
    schemas: {} as unknown as StreamSchemas,
    partitions: { topicId: 0n, isCaughtUp: false } as unknown as TopicPartitions,
    buffers: new RowBuffers(),
    limits: { rows: 100, bytes: 1_000_000, deadLetterBytes: 1_000, ageMs: AGE_MS, quietMs: QUIET_MS },
    counts: new SinkCounts('plans', 'plans_raw'),
  });
  filler.lastInsertMs = lastInsertMs;
  const addAt = (timeMs: number) => {
    nowMs = timeMs;
    filler.add({ partition: 0, messages: [], next: 1n, end: 1n });
  };
  addAt(0);
  const addRows = (rows: number) => {
    for (let offset = 0; offset < rows; offset++) filler.batch?.endRowAt(0, offset, 0, 1, false);
  };
  return { addAt, addRows, dueMs: () => nowMs + filler.waitMs };
}

test('a batch is due after a pause, or at its age limit while messages arrive', (t) => {
  const { addAt, dueMs } = startBatch(t, 0);
  assert.equal(dueMs(), QUIET_MS);
  addAt(140);
  assert.equal(dueMs(), 140 + QUIET_MS);
  addAt(280);
  assert.equal(dueMs(), AGE_MS);
});

for (const [lastInsertMs, restMs] of [
  [10, QUIET_MS],
  [30, 180],
  [100, 600],
  [10_000, 1_000],
] as const) {
  test(`a batch waits ${restMs} ms for more messages if the last insert took ${lastInsertMs} ms`, (t) => {
    const { addAt, dueMs } = startBatch(t, lastInsertMs);
    assert.equal(dueMs(), restMs);
    addAt(AGE_MS - 50);
    assert.equal(dueMs(), Math.max(AGE_MS, restMs));
  });
}

test('a batch with a tenth of the maximum rows does not wait for the last insert', (t) => {
  const { addAt, addRows, dueMs } = startBatch(t, 10_000);
  addRows(9);
  assert.equal(dueMs(), 1_000);
  addRows(1);
  assert.equal(dueMs(), QUIET_MS);
  addAt(AGE_MS - 50);
  assert.equal(dueMs(), AGE_MS);
});
