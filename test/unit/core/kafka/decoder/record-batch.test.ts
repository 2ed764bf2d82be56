import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import kafkajs from 'kafkajs';
import { UnreadableBatchError } from '../../../../../core/errors.ts';
import { markAborted } from '../../../../../core/kafka/decoder/aborted-transactions.ts';
import { FetchedMessage, type Fetched } from '../../../../../core/kafka/decoder/fetched-message.ts';
import { replaceKafkajsDecoder } from '../../../../../core/kafka/decoder/kafkajs-decoder.ts';
import * as decoder from '../../../../../core/kafka/decoder/record-batch.ts';
import { PackedBatch } from '../../../../../core/kafka/decoder/packed-batch.ts';
import { varint } from '../../../../fixtures/avro-encoder.ts';
import {
  anyBatch,
  batchBytes,
  batchOf,
  DELETE_HORIZON,
  expectedOf,
  fetchAnswer,
  GZIP,
  headersOf,
  int,
  LOG_APPEND_TIME,
  oldMessageBytes,
  recordBytes,
  recordOf,
  sample,
  secretRecord,
  secrets,
  sized,
  TRANSACTIONAL,
  unpacked,
  type BatchOf,
} from '../../../../fixtures/record-batches.ts';

type Decode = (decoder: object) => Promise<Fetched[]>;
interface FetchResponse {
  readonly responses: readonly { partitions: readonly { messages: Fetched[] }[] }[];
}

const require = createRequire(import.meta.url);
const decodePath = 'kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js';
const kafkajsDecode = require(decodePath) as Decode;
const Decoder = require('kafkajs/src/protocol/decoder.js') as new (bytes: Buffer) => object;
const Batch = require('kafkajs/src/consumer/batch.js') as new (
  topic: string,
  fetchedOffset: string,
  partition: object,
) => { readonly messages: readonly Fetched[]; lastOffset(): string };

const joined = (...parts: readonly Buffer[]) => Buffer.concat(parts);
const answerOf = (batches: readonly BatchOf[]) => Buffer.concat(batches.map((batch) => batchBytes(batch)));
const decodeRecordBatches = async (answer: Buffer) => unpacked(await decoder.decodeRecordBatches(answer));
const decodeFetched = async (answer: Buffer) => unpacked(await decoder.decodeFetched(answer));
const decode = (...of: Parameters<typeof batchBytes>) => decodeRecordBatches(batchBytes(...of));
const placesOf = (messages: readonly Fetched[]) =>
  messages.map(({ offset, isControlRecord }) => (isControlRecord ? `mark ${offset}` : offset));

/** Returns the parts of a message that both decoders read, kafkajs's and the project's. */
function shown({ offset, timestamp, key, value, headers, attributes, ...rest }: Fetched) {
  const { isControlRecord } = rest;
  const { inTransaction, producerId } = rest.batchContext;
  return { offset, timestamp, key, value, headers, attributes, isControlRecord, inTransaction, producerId };
}

/** Asserts that the messages are exactly those of the batches. */
const assertRead = (messages: readonly Fetched[], batches: readonly BatchOf[], message?: string) =>
  assert.deepEqual(messages.map(shown), batches.flatMap(expectedOf), message);

test('the decoder reads batches as they were written and as kafkajs decodes them', () =>
  fc.assert(
    fc.asyncProperty(fc.array(anyBatch, { minLength: 1, maxLength: 3 }), async (batches) => {
      const answer = answerOf(batches);
      const messages = await decodeRecordBatches(answer);
      assertRead(messages, batches);
      const kafkajsMessages = await kafkajsDecode(new Decoder(joined(int(4, answer.length), answer)));
      // kafkajs does not wrap timestamps at 64 bits, has no marks for compacted ends, and mistakes
      // inherited object properties for headers of the same name.
      const comparable = (list: readonly Fetched[]) =>
        list.map(shown).map(({ headers, timestamp, ...others }) => ({
          ...others,
          timestamp: BigInt.asIntN(64, BigInt(timestamp)),
          headers: Object.entries(headers).filter(([name]) => !(name in {})),
        }));
      assert.deepEqual(
        comparable(messages.filter((message) => message instanceof FetchedMessage)),
        comparable(kafkajsMessages),
      );
    }),
    { numRuns: 300 },
  ));

const kafkajsBatchOf = (messages: readonly Fetched[], fetchedOffset: string, more = {}) =>
  new Batch('topic', fetchedOffset, { partition: 0, highWatermark: '100', messages, ...more });

const compacted: readonly (readonly [name: string, offsets: number[], places: string[]])[] = [
  ['no records', [], ['mark 19']],
  ['its tail missing', [10, 11], ['10', '11', 'mark 19']],
  ['its last record missing', [10, 18], ['10', '18', 'mark 19']],
  ['holes in the middle', [10, 15, 19], ['10', '15', '19']],
  ['its head missing', [17, 19], ['17', '19']],
  ['only its last record', [19], ['19']],
];
for (const [name, offsets, places] of compacted) {
  test(`kafkajs advances past a batch with ${name}`, async () => {
    for (const attributes of [0, GZIP, TRANSACTIONAL, DELETE_HORIZON, DELETE_HORIZON | GZIP]) {
      const written = batchOf(offsets, 19, { attributes });
      const messages = await decode(written);
      assert.deepEqual(placesOf(messages), places);
      assertRead(messages, [written]);
      for (const fetchedOffset of [0, 10, 15, 19]) {
        const batch = kafkajsBatchOf(messages, String(fetchedOffset));
        assert.equal(batch.lastOffset(), '19');
        const wanted = offsets.filter((offset) => offset >= fetchedOffset);
        assert.deepEqual(placesOf(batch.messages), wanted.map(String));
      }
    }
  });
}

test('timestamps in a batch with a delete horizon are relative to the horizon', async () => {
  const records = [recordOf(0, { timestampDelta: -86_400_000n })];
  const batch = batchOf([], 10, { attributes: DELETE_HORIZON, firstTimestamp: 1_700_086_400_000n, records });
  const [message] = await decode(batch);
  assert.equal(message?.timestamp, '1700000000000');
});

test('a response that is cut anywhere yields the messages of its complete batches', async () => {
  const answer = answerOf(sample);
  const ends = sample.map((_, index) => answerOf(sample.slice(0, index + 1)).length);
  for (let cut = 0; cut <= answer.length; cut++) {
    const whole = sample.filter((_, index) => (ends[index] ?? 0) <= cut);
    // The bytes after the cut stay in memory, so a read beyond the end would find valid data.
    const messages = await decodeRecordBatches(answer.subarray(0, cut));
    assertRead(messages, whole, `cut at ${cut}`);
  }
});

test('the decoder reads a response up to a message set in another format', async () => {
  const answer = joined(answerOf(sample), oldMessageBytes(21, 'x'.repeat(99)), answerOf(sample));
  const messages = await decodeRecordBatches(answer);
  assertRead(messages, sample);
});

/**
 * Returns the messages, or the error of an unreadable batch. Fails the test on any other error.
 */
async function readAll(answer: Buffer): Promise<Fetched[] | UnreadableBatchError> {
  try {
    const messages = await decodeRecordBatches(answer);
    messages.forEach(shown);
    return messages;
  } catch (error) {
    assert.ok(error instanceof UnreadableBatchError, String(error));
    assert.match(error.message, /^the record batch at offset -?\d+ cannot be read: \w/);
    for (const secret of secrets) assert.ok(!error.message.includes(secret), error.message);
    return error;
  }
}

/**
 * Asserts that the batch is unreadable, and that no memory is allocated for the sizes that it
 * claims, which may be gigabytes.
 */
async function assertUnreadable(answer: Buffer, reason: RegExp, firstOffset = 10): Promise<void> {
  const before = process.memoryUsage();
  const error = await readAll(answer);
  const { heapTotal, external } = process.memoryUsage();
  assert.ok(
    heapTotal + external - before.heapTotal - before.external < 2 ** 26,
    'the claimed sizes were allocated',
  );
  assert.ok(error instanceof UnreadableBatchError, 'the batch was read');
  assert.match(error.message, new RegExp(`at offset ${firstOffset} .*: ${reason.source}`));
}

test('a response with any flipped bit is read or reported as unreadable', async () => {
  const answer = answerOf(sample);
  for (let at = 0; at < answer.length; at++) {
    for (const flip of [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x7f, 0xff]) {
      const flipped = Buffer.from(answer);
      flipped[at] = (answer[at] ?? 0) ^ flip;
      await readAll(flipped);
    }
  }
});

test('a batch with any bytes as records is read or reported as unreadable', () => {
  const byte = fc.oneof(fc.constantFrom(0, 1, 2, 0x7f, 0x80, 0xff), fc.nat(255));
  return fc.assert(
    fc.asyncProperty(
      fc.array(byte, { maxLength: 40 }),
      fc.nat(3),
      fc.constantFrom(0, GZIP),
      async (body, count, attributes) => {
        const batch = batchOf([], 19, { attributes });
        const records = Buffer.from([body.length * 2, ...body, 0, 0, 0, 0]);
        await readAll(batchBytes(batch, { count, body: records }));
      },
    ),
    { numRuns: 2000 },
  );
});

const zigZag = (value: number) => varint(BigInt(value));
const upToOffset = [int(1, 0), zigZag(0), zigZag(0)];
const upToKey = [...upToOffset, sized(Buffer.from('secretKey'))];
const upToValue = [...upToKey, sized(Buffer.from('secretValue'))];
const upToHeaderName = [...upToValue, zigZag(1), sized(Buffer.from('secretName'))];
const most = 2 ** 31 - 1;
const tooMany = [1, 4, 999, most];
const lengths = [-2, -(2 ** 31), ...tooMany];
const endless = Buffer.alloc(40, 0x80);
/** Returns a varint of zero that is padded to the given number of bytes. */
const zeroOf = (width: number) => joined(Buffer.alloc(width - 1, 0x80), int(1, 0));
const tooWide = /an integer has more than 32 bits$/;
const tooShort = /a record ends before its fields$/;

/** Asserts that a batch is unreadable with `first` in place of the first of its two records. */
async function assertLie(first: Buffer, reason: RegExp): Promise<void> {
  const body = joined(first, sized(recordBytes(recordOf(1))));
  for (const attributes of [0, GZIP]) {
    const lying = batchBytes(batchOf([], 22, { firstOffset: 21n, attributes }), { body, count: 2 });
    await assertUnreadable(joined(answerOf(sample), lying, answerOf(sample)), reason, 21);
  }
}

const lies: readonly (readonly [what: string, fields: readonly Buffer[], claims: readonly number[]])[] = [
  ['key length', upToOffset, lengths],
  ['value length', upToKey, lengths],
  ['number of headers', upToValue, tooMany],
  ['header name length', [...upToValue, zigZag(1)], lengths],
  ['header value length', upToHeaderName, lengths],
];
for (const [what, fields, claims] of lies) {
  test(`a record with a wrong ${what} is unreadable, whatever bytes follow`, async () => {
    for (const claim of claims) {
      // A length below zero is invalid, however many bytes follow.
      const behind = Buffer.alloc(claim < 0 ? 40 : 0);
      await assertLie(sized(joined(...fields, zigZag(claim), behind)), tooShort);
    }
    for (const wide of [endless, zeroOf(6)]) await assertLie(sized(joined(...fields, wide)), tooWide);
  });
}

test('a record with a wrong length is unreadable', async () => {
  for (const claim of [-1, 0, ...lengths]) await assertLie(joined(zigZag(claim), ...upToKey), tooShort);
  await assertLie(endless, tooWide);
});

test('an offset or timestamp with too many bytes is unreadable', async () => {
  const [attributes, timestamp] = [int(1, 0), zigZag(0)];
  const of64Bits = /an integer has more than 64 bits$/;
  for (const wide of [endless, zeroOf(11)]) await assertLie(sized(joined(attributes, wide)), of64Bits);
  for (const wide of [endless, zeroOf(6)])
    await assertLie(sized(joined(attributes, timestamp, wide)), tooWide);
});

test('a record that ends within one of its fields is unreadable even if more bytes follow', async () => {
  // All bytes of this record are zeros, so bytes read beyond its end would look valid.
  const emptyRecord = recordOf(0, { key: Buffer.alloc(0), value: Buffer.alloc(0) });
  for (const fields of [secretRecord, emptyRecord].map(recordBytes)) {
    for (let length = 0; length < fields.length; length++) {
      const body = joined(zigZag(length), fields);
      await assertUnreadable(batchBytes(batchOf([], 11), { body, count: 1 }), /\w/);
    }
  }
});

test('bytes after the headers of a record are skipped', async () => {
  const body = joined(sized(joined(recordBytes(recordOf(0)), endless)), sized(recordBytes(recordOf(1))));
  const messages = await decode(batchOf([], 11), { body, count: 2 });
  assert.deepEqual(placesOf(messages), ['10', '11']);
});

test('unreadable headers hide neither the value of their message nor other messages', async () => {
  const body = joined(sized(joined(...upToValue, zigZag(most))), sized(recordBytes(secretRecord)));
  const [broken, whole] = await decode(batchOf([], 11), { body, count: 2 });
  assert.equal(broken?.value?.toString(), 'secretValue');
  assert.throws(() => broken.headers, UnreadableBatchError);
  assert.deepEqual(whole?.headers, headersOf(secretRecord.headers));
});

test('repeated headers are all kept', async () => {
  const headers = Array.from({ length: 10_000 }, () => ['', null] as const);
  const [message] = await decode(batchOf([], 10, { records: [recordOf(0, { headers })] }));
  assert.deepEqual(message?.headers, headersOf(headers));
});

test('a batch that claims more records than it has is unreadable', async () => {
  for (const count of [3, most])
    await assertUnreadable(batchBytes(batchOf([10, 11], 11), { count }), tooShort);
});

test('a batch that claims fewer records than it has is unreadable', async () => {
  for (const count of [2, 1, 0, -1, -(2 ** 31)])
    await assertUnreadable(
      batchBytes(batchOf([10, 11, 12], 12), { count }),
      /its number of records differs from the declared number$/,
    );
});

test('a batch whose last offset precedes its records is unreadable', async () => {
  await assertUnreadable(batchBytes(batchOf([10, 11, 12], 11)), /it has records beyond its end$/);
});

test('a batch shorter than its header is unreadable, and a batch beyond the response is skipped', async () => {
  const lying = (length: number) =>
    joined(answerOf(sample), batchBytes(batchOf([21], 21, { firstOffset: 21n }), { length }));
  for (const length of [-(2 ** 31), -61, -12, -1, 0, 48])
    await assertUnreadable(lying(length), /it is shorter than its header$/, 21);
  await assertUnreadable(lying(49), tooShort, 21);
  assertRead(await decodeRecordBatches(lying(most)), sample);
});

test('the error for a batch with an unsupported compression names the compression', async () => {
  for (const type of [5, 6, 7]) {
    const batch = batchOf([10], 10, { attributes: type | LOG_APPEND_TIME });
    await assertUnreadable(
      batchBytes(batch),
      new RegExp(`its compression is ${type}: Kafka has no such codec$`),
    );
  }
});

test('batches before an unreadable one are read; an unreadable first batch becomes a message', async () => {
  const broken = batchBytes(batchOf([30, 31], 39, { firstOffset: 30n, attributes: 2 }));
  const behind = batchBytes(batchOf([40], 40, { firstOffset: 40n }));
  assertRead(await decodeFetched(joined(answerOf(sample), broken, behind)), sample);
  for (const answer of [broken, joined(broken, behind)]) {
    const messages = await decodeFetched(answer);
    assert.deepEqual(placesOf(messages), ['39']);
    // kafkajs drops messages before the fetch offset, which may be in the middle of the batch.
    for (const from of ['30', '35', '39'])
      assert.deepEqual(placesOf(kafkajsBatchOf(messages, from).messages), ['39']);
    for (const field of ['value', 'headers'] as const)
      assert.throws(() => messages[0]?.[field], /at offset 30 cannot be read: its compression is Snappy/);
  }
});

test('an unreadable batch of an aborted transaction is not reported', async () => {
  const attributes = 2 | TRANSACTIONAL;
  const messages = await decodeFetched(batchBytes(batchOf([10], 12, { attributes, producerId: 5n })));
  const marked = (producerId: string) => placesOf(markAborted(messages, [{ producerId, firstOffset: '10' }]));
  assert.deepEqual(marked('5'), ['mark 12']);
  assert.deepEqual(marked('6'), ['12']);
});

test('decodeFetched throws for an unreadable batch whose end precedes its start', async () => {
  const bytes = batchBytes(batchOf([10], 9, { attributes: 2 }));
  await assert.rejects(decodeFetched(bytes), UnreadableBatchError);
});

test('a batch is decoded with the codec that is registered in kafkajs', async (t) => {
  const codecs = kafkajs.CompressionCodecs as Record<number, () => object>;
  const { 2: before } = codecs;
  t.after(() => Object.assign(codecs, { 2: before }));
  codecs[2] = () => ({ decompress: (body: Buffer) => Promise.resolve(body.subarray(1)) });
  const body = joined(int(1, 0), sized(recordBytes(recordOf(0))));
  const messages = await decode(batchOf([], 10, { attributes: 2 }), { body, count: 1 });
  assert.deepEqual(placesOf(messages), ['10']);
});

test('a batch with corrupt gzip data is unreadable', async () => {
  const zipped = gzipSync(sized(recordBytes(secretRecord)));
  const broken = [zipped.subarray(0, -1), zipped.subarray(1), Buffer.from('secretValue'), Buffer.alloc(0)];
  for (const body of broken) {
    const bytes = batchBytes(batchOf([], 11), { body, count: 1 });
    bytes.writeInt16BE(GZIP, 21);
    await assertUnreadable(bytes, /its compression is GZIP: \w/);
  }
});

test('the installed decoder reads batches, and kafkajs reads message sets', async (t) => {
  replaceKafkajsDecoder();
  const replaced = require(decodePath) as Decode;
  assert.notEqual(replaced, kafkajsDecode);
  replaceKafkajsDecoder();
  assert.equal(require(decodePath), replaced);

  const response = require('kafkajs/src/protocol/requests/fetch/v11/response.js') as {
    decode: (bytes: Buffer) => Promise<FetchResponse>;
  };
  const decodePartitions = async (...partitions: (Buffer | null)[]) => {
    const { responses } = await response.decode(fetchAnswer(...partitions));
    return responses[0]?.partitions.map(({ messages }) => messages) ?? [];
  };

  await t.test('reads record batches', async () => {
    const [messages = []] = await decodePartitions(batchBytes(batchOf([10, 11], 11)));
    assert.ok(messages.every((message) => message instanceof PackedBatch));
    assert.deepEqual(placesOf(unpacked(messages)), ['10', '11']);
  });

  await t.test('leaves message sets to kafkajs', async () => {
    const set = joined(oldMessageBytes(3, 'x'), oldMessageBytes(4, 'y'));
    const [old = [], messages = []] = await decodePartitions(set, answerOf(sample));
    const read = old.map(({ offset, value }) => `${offset} ${value?.toString()}`);
    assert.deepEqual(read, ['3 x', '4 y']);
    assertRead(unpacked(messages), sample);
  });

  await t.test('reads partitions after an empty or truncated one', async () => {
    const first = batchBytes(batchOf([10, 11], 11));
    const cuts = Array.from(first, (_, length) => first.subarray(0, length));
    for (const cut of [null, ...cuts]) {
      const [none, messages = []] = await decodePartitions(cut, answerOf(sample));
      assert.equal(none?.length, 0, `cut at ${cut?.length}`);
      assertRead(unpacked(messages), sample, `cut at ${cut?.length}`);
    }
  });

  await t.test('returns no messages from a truncated response', async () => {
    const answer = fetchAnswer(answerOf(sample));
    const { responses } = await response.decode(answer.subarray(0, -1));
    assert.equal(responses[0]?.partitions[0]?.messages.length, 0);
  });
});
