import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';
import fc from 'fast-check';
import type { Message } from 'kafkajs';
import { messagesOf } from '../../../../../core/kafka/decoder/packed-batch.ts';
import { decodeFetched } from '../../../../../core/kafka/decoder/record-batch.ts';
import { crc32c } from '../../../../../core/kafka/encoder/crc32c.ts';
import { keyPartitioner, murmur2 } from '../../../../../core/kafka/encoder/partitioner.ts';
import { encodeRecordBatch } from '../../../../../core/kafka/encoder/record-batch.ts';

const require = createRequire(import.meta.url);
const load = (name: string): unknown => require(`kafkajs/src/${name}.js`);

interface Encoded {
  readonly buffer: Buffer;
}

/** The kafkajs encoder, which encodeRecordBatch replaces. */
const Record = load('protocol/recordBatch/record/v0/index') as (record: object) => Encoded;
const { RecordBatch } = load('protocol/recordBatch/v0/index') as {
  RecordBatch: (batch: object) => Promise<Encoded>;
};
const kafkajsCrc = load('protocol/recordBatch/crc32C/crc32C') as (bytes: Buffer) => number;
const kafkajsMurmur = load('producer/partitioners/default/murmur2') as (key: Buffer | string) => number;

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const text = fc.string({ unit: 'grapheme', maxLength: 60 });
const value = fc.oneof(bytes, text, fc.constant(null));
const message: fc.Arbitrary<Message> = fc.record(
  {
    key: fc.oneof(bytes, text, fc.constant(null)),
    value,
    headers: fc.dictionary(text, fc.oneof(bytes, text, fc.array(text, { maxLength: 3 })), { maxKeys: 4 }),
  },
  { requiredKeys: ['value'] },
);

test('encodeRecordBatch returns the same bytes as kafkajs', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(message, fc.integer({ min: 0, max: 2_000_000 })), { minLength: 1, maxLength: 200 }),
      fc.bigInt({ min: -1n, max: 2n ** 62n }),
      fc.integer({ min: 0, max: 32_767 }),
      fc.nat(),
      fc.boolean(),
      async (timed, id, epoch, firstSequence, isTransactional) => {
        const times = timed.map(([, afterMs]) => 1_790_000_000_000 + afterMs);
        const [firstTimestamp, maxTimestamp] = [Math.min(...times), Math.max(...times)];
        const messages = timed.map(([one], index) => ({ ...one, timestamp: String(times[index]) }));
        const records = messages.map((one, index) =>
          Record({ ...one, offsetDelta: index, timestampDelta: (times[index] ?? 0) - firstTimestamp }),
        );
        const expected = await RecordBatch({
          ...{ records, firstTimestamp, maxTimestamp, producerId: id, producerEpoch: epoch, firstSequence },
          transactional: isTransactional,
          lastOffsetDelta: records.length - 1,
        });
        const encoded = encodeRecordBatch(messages, { id, epoch, firstSequence, isTransactional }, 0);
        assert.deepEqual(encoded, expected.buffer);
      },
    ),
  );
});

test('encodeRecordBatch accepts any 64-bit integer as a timestamp', async () => {
  const producer = { id: -1n, epoch: 0, firstSequence: 0, isTransactional: false };
  const int64 = fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.constantFrom(0n, -1n));
  await fc.assert(
    fc.asyncProperty(fc.array(int64, { minLength: 1, maxLength: 50 }), async (times) => {
      const messages = times.map((time) => ({ key: 'a', value: 'b', timestamp: String(time) }));
      const decoded = [...messagesOf(await decodeFetched(encodeRecordBatch(messages, producer, 0)))];
      assert.deepEqual(
        decoded.map(({ timestamp }) => timestamp),
        messages.map(({ timestamp }) => timestamp),
      );
    }),
  );
});

test('messages without a timestamp are encoded with the time of the request', () => {
  const producer = { id: -1n, epoch: 0, firstSequence: 0, isTransactional: false };
  const untimed = encodeRecordBatch([{ key: 'a', value: 'b' }], producer, 1_790_000_000_000);
  const timed = encodeRecordBatch([{ key: 'a', value: 'b', timestamp: '1790000000000' }], producer, 0);
  assert.deepEqual(untimed, timed);
});

test('encodeRecordBatch encodes hundreds of thousands of messages', () => {
  const producer = { id: -1n, epoch: 0, firstSequence: 0, isTransactional: false };
  const messages = Array.from({ length: 300_000 }, () => ({ key: 'a', value: 'b' }));
  assert.equal(encodeRecordBatch(messages, producer, 1).readInt32BE(57), messages.length);
});

test('crc32c agrees with kafkajs and RFC 3720', () => {
  assert.equal(crc32c(Buffer.alloc(32), 0), 0x8a9136aa);
  assert.equal(crc32c(Buffer.from('x123456789'), 1), 0xe3069283);
  const any = fc.uint8Array({ maxLength: 5_000 }).map((array) => Buffer.from(array));
  fc.assert(fc.property(any, (data) => assert.equal(crc32c(data, 0), kafkajsCrc(data))));
});

test('keyPartitioner chooses the same partition as kafkajs', () => {
  fc.assert(
    fc.property(bytes, (key) => assert.equal(murmur2(key), kafkajsMurmur(key))),
    { numRuns: 1_000 },
  );
  const { DefaultPartitioner } = load('producer/partitioners/index') as {
    DefaultPartitioner: typeof keyPartitioner;
  };
  const [own, theirs] = [keyPartitioner(), DefaultPartitioner()];
  const metadata = Array.from({ length: 12 }, (_, partitionId) => ({ partitionId, leader: 1 }) as never);
  fc.assert(
    fc.property(fc.oneof(bytes, text), fc.integer({ min: 1, max: 12 }), (key, count) => {
      const choice = { topic: 't', partitionMetadata: metadata.slice(0, count), message: { key, value: '' } };
      assert.equal(own(choice), theirs(choice));
    }),
    { numRuns: 1_000 },
  );
});
