import assert from 'node:assert/strict';
import test from 'node:test';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { readText } from '../../../../core/http/answer-body.ts';
import { TooLargeError } from '../../../../core/size-limit.ts';

const text = '{"name":"Müller & Söhne €"}';
const utf8 = Buffer.from(text);
const latin1 = Buffer.from('{"name":"Müller"}', 'latin1');

function answer(bytes: Buffer, headers: Record<string, string> = {}) {
  // The body arrives in pieces, as from a socket.
  const pieces = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, index) =>
    bytes.subarray(index * 7, index * 7 + 7),
  );
  const body = (async function* () {
    for (const piece of pieces) yield await Promise.resolve(piece);
  })();
  return { headers, body };
}

const encodings: readonly (readonly [name: string, header: string | undefined, bytes: Buffer])[] = [
  ['none', undefined, utf8],
  ['identity', 'identity', utf8],
  ['gzip', 'gzip', gzipSync(utf8)],
  ['gzip of two members', 'gzip', Buffer.concat([gzipSync(utf8.subarray(0, 9)), gzipSync(utf8.subarray(9))])],
  ['gzip by its old name, in capitals', 'X-GZIP', gzipSync(utf8)],
  ['br', 'br', brotliCompressSync(utf8)],
  ['deflate', 'deflate', deflateSync(utf8)],
  ['deflate without a zlib header', 'deflate', deflateRawSync(utf8)],
  ['deflate and gzip', 'deflate, gzip', gzipSync(deflateSync(utf8))],
];
for (const [name, header, bytes] of encodings) {
  test(`readText decodes a response with Content-Encoding ${name}`, async () => {
    const headers = header === undefined ? {} : { 'content-encoding': header };
    assert.equal(await readText(answer(bytes, headers), 1_000), text);
  });
}

const charsets: readonly (readonly [contentType: string, bytes: Buffer, expected: string])[] = [
  ['application/json; charset=iso-8859-1', latin1, '{"name":"Müller"}'],
  ['application/json;charset="latin1"', latin1, '{"name":"Müller"}'],
  ['application/json; charset=UTF-8', utf8, text],
  ['application/json', Buffer.concat([Buffer.from('\uFEFF'), utf8]), text],
];
for (const [contentType, bytes, expected] of charsets) {
  test(`readText decodes a body that is declared as ${contentType}`, async () => {
    assert.equal(await readText(answer(bytes, { 'content-type': contentType }), 1_000), expected);
  });
}

test('readText returns an empty string for an empty body with a Content-Encoding', async () => {
  assert.equal(await readText(answer(Buffer.alloc(0), { 'content-encoding': 'gzip' }), 1_000), '');
});

test('readText rejects a body over the limit, compressed or not', async () => {
  const zeros = Buffer.alloc(50_000);
  await assert.rejects(readText(answer(zeros), 10_000), TooLargeError);
  for (const [encoding, bytes] of [
    ['gzip', gzipSync(zeros)],
    ['deflate', deflateSync(zeros)],
    ['deflate', deflateRawSync(zeros)],
    ['br', brotliCompressSync(zeros)],
  ] as const) {
    await assert.rejects(readText(answer(bytes, { 'content-encoding': encoding }), 10_000), TooLargeError);
  }
});

const faults: readonly (readonly [Record<string, string>, Buffer, RegExp])[] = [
  [{ 'content-encoding': 'gzip' }, gzipSync(utf8).subarray(0, 20), /not gzip, or is cut off/],
  [{ 'content-encoding': 'gzip' }, utf8, /not gzip/],
  [{ 'content-encoding': 'br' }, utf8, /not br/],
  [{ 'content-encoding': 'deflate' }, utf8, /not deflate/],
  [{ 'content-encoding': 'gzip,'.repeat(5) }, utf8, /at most 4 encodings; got 5/],
  [{ 'content-encoding': 'zstd' }, utf8, /Content-Encoding is "zstd", which is unknown/],
  [{ 'content-type': 'text/html; charset=klingon' }, utf8, /charset is "klingon", which is unknown/],
];
for (const [headers, bytes, message] of faults) {
  test(`readText reports the fault of a body of ${bytes.length} bytes with ${JSON.stringify(headers)}`, async () => {
    await assert.rejects(readText(answer(bytes, headers), 1_000), message);
  });
}
