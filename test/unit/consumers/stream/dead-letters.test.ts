import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { requestsOf, sizeOf, type DeadLetter } from '../../../../consumers/stream/dead-letters.ts';
import { DecodeError } from '../../../../core/errors.ts';

const MIB = 1024 * 1024;

function deadLetterOf(offset: number, value: number | null, key = 0): DeadLetter {
  const bytes = value === null ? null : Buffer.alloc(value);
  const message = {
    key: Buffer.alloc(key),
    value: bytes,
    offset: String(offset),
    timestamp: '1',
    attributes: 0,
    headers: {},
  };
  const error = new DecodeError('why it is not a row');
  return { stream: 'plans', topic: 't.plans', partition: 3, message, schemaId: 7, error };
}

test('requests keep dead letters in order and exceed 1 MiB only for a single dead letter', () => {
  const size = fc.option(fc.oneof(fc.nat(2_000), fc.nat(3 * MIB)), { nil: null });
  fc.assert(
    fc.property(fc.array(fc.tuple(size, fc.nat(300_000)), { maxLength: 30 }), (sizes) => {
      const deadLetters = sizes.map(([value, key], index) => deadLetterOf(index, value, key));
      const requests = requestsOf(deadLetters);
      const offsets = requests.flat().map(({ headers }) => headers['offset']);
      assert.deepEqual(
        offsets,
        deadLetters.map(({ message }) => message.offset),
      );
      for (const request of requests) {
        const bytes = request.reduce((sum, message) => sum + sizeOf(message), 0);
        assert.ok(request.length === 1 || bytes <= MIB, `${request.length} dead letters of ${bytes} bytes`);
      }
    }),
    { numRuns: 50 },
  );
});

test('dead letters of deletes count toward the request size although they have no value', () => {
  const requests = requestsOf(Array.from({ length: 20_000 }, (_, offset) => deadLetterOf(offset, null)));
  assert.ok(requests.length > 2 && requests.length < 20, String(requests.length));
});

test('the size of a dead letter includes its key, value and headers', () => {
  const [[message] = []] = requestsOf([deadLetterOf(12, 1_000, 500)]);
  assert.ok(message);
  const headers = Object.entries(message.headers).map(([name, value]) => name + String(value));
  assert.equal(sizeOf(message), 1_000 + Buffer.byteLength(headers.join('')) + 'plans|sink|3|12'.length);
});
