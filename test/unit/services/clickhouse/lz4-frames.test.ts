import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import fc from 'fast-check';
import { compressFrameSync } from 'lz4-napi';
import { lz4Decoded } from '../../../../services/clickhouse/lz4-frames.ts';

/** Decodes bytes that arrive in chunks of the given size. */
function decoded(bytes: Buffer, chunkSize = bytes.length): Promise<Buffer> {
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += chunkSize)
      yield await Promise.resolve(bytes.subarray(at, at + chunkSize));
  }
  return buffer(lz4Decoded(chunks()));
}

test('consecutive LZ4 frames decode to their contents from chunks of any size', async () => {
  const texts = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(texts, fc.integer({ min: 1, max: 400 }), async (parts, chunkSize) => {
      const frames = Buffer.concat(parts.map((part) => compressFrameSync(Buffer.from(part))));
      assert.deepEqual(await decoded(frames, chunkSize), Buffer.concat(parts));
    }),
  );
});

test('a frame of many blocks and a frame with checksums decode to their texts', async () => {
  const text = Buffer.from(Array.from({ length: 200_000 }, (_, line) => `line ${line}\n`).join(''));
  assert.deepEqual(await decoded(compressFrameSync(text), 1_000_000), text);
  // From Python: lz4.frame.compress(b"abc" * 5, content_checksum=True, block_checksum=True)
  const python = 'BCJNGHxADwAAAAAAAADdDAAAADNhYmMDAFBiY2FiY/IlxwEAAAAA6V3skQ==';
  assert.equal((await decoded(Buffer.from(python, 'base64'))).toString(), 'abc'.repeat(5));
});

test('an empty input decodes to an empty output', async () => {
  assert.equal((await buffer(lz4Decoded((async function* () {})()))).length, 0);
});

test('bytes that are not complete LZ4 frames, and frames beyond the limit, are rejected', async () => {
  const frame = compressFrameSync(Buffer.from('some text'));
  const malformed = { exceptionName: 'CANNOT_DECOMPRESS', message: /does not consist of LZ4 frames/ };
  for (let length = 1; length < frame.length; length += 1)
    await assert.rejects(decoded(frame.subarray(0, length)), malformed, String(length));
  await assert.rejects(decoded(Buffer.from('not a frame')), malformed);
  const bomb = Buffer.concat([frame.subarray(0, 7), Buffer.from([0, 0, 0, 0x7f])]);
  await assert.rejects(decoded(bomb), { message: /exceeds 64 MiB, or 1024 MiB decompressed/ });
});
