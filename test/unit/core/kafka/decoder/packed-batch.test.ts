import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';
import fc from 'fast-check';
import type { Fetched } from '../../../../../core/kafka/decoder/fetched-message.ts';
import { messagesOf, PackedBatch } from '../../../../../core/kafka/decoder/packed-batch.ts';
import { decodeFetched, decodeRecordBatches } from '../../../../../core/kafka/decoder/record-batch.ts';
import { messageTimeMs } from '../../../../../core/kafka/message-time.ts';
import { anyBatch, batchBytes, batchOf, TRANSACTIONAL } from '../../../../fixtures/record-batches.ts';

const Batch = createRequire(import.meta.url)('kafkajs/src/consumer/batch.js') as new (
  topic: string,
  fetchedOffset: string,
  partition: object,
) => { readonly messages: readonly Fetched[] };

const fieldsOf = ({ offset, timestamp, key, value, headers, attributes }: Fetched) => ({
  ...{ offset, timestamp, key, value, headers, attributes },
});

test('a fetch in the middle of several aborted transactions skips the messages of all', async () => {
  const of = (offset: number, producerId: bigint) =>
    batchOf([offset], offset, { firstOffset: BigInt(offset), attributes: TRANSACTIONAL, producerId });
  const batches = [of(20, 8n), of(21, 7n), of(22, 9n), of(23, 5n)];
  const answer = Buffer.concat(batches.map((batch) => batchBytes(batch)));
  const abortedTransactions = [7n, 9n, 8n].map((producerId, index) => ({
    producerId: String(producerId),
    firstOffset: String(10 + index),
  }));
  const { messages } = new Batch('topic', '20', {
    ...{ partition: 0, highWatermark: '100', abortedTransactions },
    messages: await decodeFetched(answer),
  });
  assert.deepEqual(
    [...messagesOf(messages)].map(({ offset }) => offset),
    ['23'],
  );
});

test('a cursor reads what messages have, and makes the same messages', () =>
  fc.assert(
    fc.asyncProperty(anyBatch, async (written) => {
      for (const batch of await decodeRecordBatches(batchBytes(written))) {
        if (!(batch instanceof PackedBatch)) continue;
        const cursor = batch.records();
        for (const message of batch.messages()) {
          assert.ok(cursor.next());
          const { offset, timeMs, bytes, valueAt, valueEnd, isKeyNull, isValueNull } = cursor;
          const value = isValueNull ? null : bytes.subarray(valueAt, valueEnd);
          assert.deepEqual(
            { offset: String(offset), timeMs, value, isKeyNull },
            {
              offset: message.offset,
              timeMs: messageTimeMs(message.timestamp),
              value: message.value,
              isKeyNull: message.key === null,
            },
          );
          assert.deepEqual(fieldsOf(cursor.message()), fieldsOf(message));
        }
        assert.ok(!cursor.next());
      }
    }),
    { numRuns: 300 },
  ));
