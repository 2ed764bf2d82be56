import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { Fetched } from '../../../../../core/kafka/decoder/fetched-message.ts';
import { PackedBatch } from '../../../../../core/kafka/decoder/packed-batch.ts';
import { decodeRecordBatches } from '../../../../../core/kafka/decoder/record-batch.ts';
import { messageTimeMs } from '../../../../../core/kafka/message-time.ts';
import { anyBatch, batchBytes } from '../../../../fixtures/record-batches.ts';

const fieldsOf = ({ offset, timestamp, key, value, headers, attributes }: Fetched) => ({
  ...{ offset, timestamp, key, value, headers, attributes },
});

test('a cursor returns the same fields as the messages of the batch, and equal messages', () =>
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
