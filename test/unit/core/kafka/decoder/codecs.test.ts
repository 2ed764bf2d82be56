import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { gzipSync } from 'node:zlib';
import { compressFrameSync } from 'lz4-napi';
import snappy from 'snappy';
import { UnreadableBatchError } from '../../../../../core/errors.ts';
import * as decoder from '../../../../../core/kafka/decoder/record-batch.ts';
import { UnreadableMessage, type Fetched } from '../../../../../core/kafka/decoder/fetched-message.ts';
import {
  batchBytes,
  batchOf,
  int,
  recordBytes,
  recordOf,
  sized,
  unpacked,
} from '../../../../fixtures/record-batches.ts';

const codecs = { gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;
type CodecName = keyof typeof codecs;

const MIB = 1024 * 1024;

/** Printed by `test/helpers/JavaProducer.java batches`. */
const javaBatches = JSON.parse(
  readFileSync(new URL('../../../../fixtures/java-batches.json', import.meta.url), 'utf8'),
) as Record<CodecName, string>;

/** Returns a batch with the given bytes as its compressed records. */
const batchWith = (codec: CodecName, body: Buffer, count = 2, firstOffset = 10n) => {
  const bytes = batchBytes(batchOf([], Number(firstOffset) + count - 1, { firstOffset }), { body, count });
  bytes.writeInt16BE(codecs[codec], 21);
  return bytes;
};
const records = Buffer.concat([recordOf(0), recordOf(1)].map((record) => sized(recordBytes(record))));
const decodeRecordBatches = async (answer: Buffer) => unpacked(await decoder.decodeRecordBatches(answer));
const textsOf = (messages: readonly Fetched[]) => messages.map(({ value }) => value?.toString());

for (const [name, text] of Object.entries(javaBatches)) {
  test(`the decoder reads a batch that a Java producer compressed with ${name}`, async () => {
    const messages = await decodeRecordBatches(Buffer.from(text, 'base64'));
    assert.deepEqual(
      messages.map(({ offset, key, value }) => [offset, key?.toString(), value?.toString()]),
      Array.from({ length: 1000 }, (_, index) => [
        String(index + 7),
        `key ${index}`,
        'value '.repeat(20) + String(index),
      ]),
    );
  });
}

/** Returns a stream as snappy-java writes it: a header, and a compressed block per chunk. */
const xerial = (...chunks: readonly Buffer[]) =>
  Buffer.concat([
    Buffer.from('82534e41505059000000000100000001', 'hex'),
    ...chunks.flatMap((chunk) => {
      const compressed = snappy.compressSync(chunk);
      return [int(4, compressed.length), compressed];
    }),
  ]);

/**
 * Returns a zstd frame of these blocks, without a content size or checksum, and with a window of
 * 2^(10 + exponent) bytes.
 */
const zstdFrame = (exponent: number, ...blocks: readonly Buffer[]) =>
  Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, exponent << 3]), ...blocks]);
const blockHeader = (type: number, size: number, isLast: boolean) => {
  const header = (size << 3) | (type << 1) | (isLast ? 1 : 0);
  return Buffer.from([header & 255, (header >> 8) & 255, header >> 16]);
};
const rawBlock = (bytes: Buffer, isLast = true) =>
  Buffer.concat([blockHeader(0, bytes.length, isLast), bytes]);
/** Returns a block of four bytes that decompresses to 128 KiB of zeros. */
const zeros = (isLast = false) => Buffer.concat([blockHeader(1, 128 * 1024, isLast), Buffer.of(0)]);

const formats: readonly (readonly [string, CodecName, Buffer])[] = [
  ['plain snappy, as librdkafka writes it', 'snappy', snappy.compressSync(records)],
  ['chunked snappy', 'snappy', xerial(records.subarray(0, 5), records.subarray(5))],
  [
    'two streams of chunked snappy',
    'snappy',
    Buffer.concat([xerial(records.subarray(0, 3)), xerial(records.subarray(3))]),
  ],
  ['an LZ4 frame', 'lz4', compressFrameSync(records)],
  [
    'an LZ4 frame with all checksums',
    'lz4',
    compressFrameSync(records, { contentChecksum: true, blockChecksums: true }),
  ],
  ['a zstd frame without its content size', 'zstd', zstdFrame(0, rawBlock(records))],
  [
    'two zstd frames',
    'zstd',
    Buffer.concat([
      zstdFrame(0, rawBlock(records.subarray(0, 4))),
      zstdFrame(0, rawBlock(records.subarray(4))),
    ]),
  ],
  [
    'a zstd frame after a skippable frame',
    'zstd',
    Buffer.concat([Buffer.from('502a4d1803000000', 'hex'), Buffer.alloc(3), zstdFrame(0, rawBlock(records))]),
  ],
  [
    'two gzip members',
    'gzip',
    Buffer.concat([gzipSync(records.subarray(0, 4)), gzipSync(records.subarray(4))]),
  ],
];
for (const [name, codec, body] of formats) {
  test(`the decoder reads ${name}`, async () => {
    assert.deepEqual(textsOf(await decodeRecordBatches(batchWith(codec, body))), ['v', 'v']);
  });
}

const snappyBomb = Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]), Buffer.alloc(100)]);
const unreadable: readonly (readonly [string, CodecName, Buffer, RegExp])[] = [
  ['oversized gzip', 'gzip', gzipSync(Buffer.alloc(129 * MIB)), /GZIP: .*more than 128 MiB/],
  ['oversized snappy', 'snappy', snappyBomb, /Snappy: .*more than 128 MiB/],
  [
    'oversized chunked snappy',
    'snappy',
    Buffer.concat([xerial(records), int(4, snappyBomb.length), snappyBomb]),
    /Snappy: .*more than 128 MiB/,
  ],
  ['oversized LZ4', 'lz4', compressFrameSync(Buffer.alloc(129 * MIB)), /LZ4: .*more than 128 MiB/],
  [
    'oversized zstd',
    'zstd',
    zstdFrame(7, ...Array.from({ length: 1025 }, () => zeros()), zeros(true)),
    /ZSTD: .*more than 128 MiB/,
  ],
  [
    'a zstd window of 2 GiB',
    'zstd',
    zstdFrame(21, rawBlock(records)),
    /ZSTD: the bytes do not match their header/,
  ],
  ['an invalid zstd block', 'zstd', zstdFrame(0, blockHeader(3, 5, true), records), /ZSTD: the/],
  ['bytes that are not zstd', 'zstd', Buffer.alloc(40, 7), /ZSTD: the/],
  ['a truncated zstd frame', 'zstd', zstdFrame(0, rawBlock(records).subarray(0, -3)), /ZSTD: /],
  ['an empty zstd body', 'zstd', Buffer.alloc(0), /records|fields/],
  ['bytes that are not LZ4', 'lz4', Buffer.alloc(40, 7), /LZ4: /],
  ['a truncated LZ4 frame', 'lz4', compressFrameSync(records).subarray(0, -9), /LZ4: |records|fields/],
  ['a truncated LZ4 header', 'lz4', compressFrameSync(records).subarray(0, 5), /LZ4: |fields/],
  ['bytes that are not snappy', 'snappy', Buffer.from([30, ...Buffer.alloc(40, 255)]), /Snappy: /],
  ['a truncated snappy chunk', 'snappy', xerial(records).subarray(0, -3), /Snappy: /],
  ['a truncated snappy length', 'snappy', xerial(records).subarray(0, 18), /Snappy: /],
  ['an endless snappy length', 'snappy', Buffer.alloc(9, 255), /Snappy: /],
  ['bytes that are not gzip', 'gzip', Buffer.alloc(40, 7), /GZIP: /],
];
for (const [name, codec, body, reason] of unreadable) {
  test(`a batch with ${name} is unreadable and does not affect later batches`, async () => {
    await assert.rejects(decodeRecordBatches(batchWith(codec, body)), (error: Error) => {
      assert.ok(error instanceof UnreadableBatchError, String(error));
      assert.match(error.message, reason);
      return true;
    });
    const [message] = await decoder.decodeFetched(batchWith(codec, body));
    assert.ok(message instanceof UnreadableMessage);
    // The next batch is decoded as before.
    assert.deepEqual(textsOf(await decodeRecordBatches(batchWith('zstd', zstdFrame(0, rawBlock(records))))), [
      'v',
      'v',
    ]);
  });
}

test('a fetch is decompressed only up to a limit', async () => {
  const large = gzipSync(sized(recordBytes(recordOf(0, { value: Buffer.alloc(20 * MIB) }))));
  const answer = Buffer.concat(
    [10n, 11n, 12n, 13n].map((firstOffset) => batchWith('gzip', large, 1, firstOffset)),
  );
  const messages = await decodeRecordBatches(answer);
  assert.deepEqual(
    messages.map(({ offset }) => offset),
    ['10', '11'],
  );
});

test('a batch with more than 1,000,000 records is unreadable', async () => {
  const record = sized(recordBytes(recordOf(0, { value: null })));
  const many = Buffer.alloc(record.length * 1_000_001, record);
  await assert.rejects(
    decodeRecordBatches(batchWith('gzip', gzipSync(many), 1_000_001)),
    /more than 1,000,000 records/,
  );
});
