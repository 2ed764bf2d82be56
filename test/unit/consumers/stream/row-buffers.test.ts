import assert from 'node:assert/strict';
import test from 'node:test';
import { RowBuffers } from '../../../../consumers/stream/row-buffers.ts';

const MIB = 1024 * 1024;

test('the buffers of all tables share one limit, and a released buffer frees space', () => {
  const buffers = new RowBuffers();
  let calls = 0;
  buffers.onRoom(() => calls++);
  const taken = [1, 2, 3, 4, 5].map(() => buffers.acquire());
  for (const buffer of taken) buffer.length = 20 * MIB;
  assert.ok(buffers.isFull());
  const [first, second] = taken;
  assert.ok(first && second);
  buffers.release(first);
  assert.ok(!buffers.isFull());
  buffers.release(second);
  // Called once: the second release does not end a shortage.
  assert.equal(calls, 1);
});

test('RowBuffers keeps at most two released buffers and empties them for reuse', () => {
  const buffers = new RowBuffers();
  const taken = [1, 2, 3, 4].map(() => buffers.acquire());
  for (const buffer of taken) {
    buffer.length = 5;
    buffers.release(buffer);
  }
  const again = [1, 2, 3, 4].map(() => buffers.acquire());
  assert.equal(again.filter((buffer) => taken.includes(buffer)).length, 2);
  for (const { length } of again) assert.equal(length, 0);
});

test('RowBuffers drops a buffer that grew too large and ignores a second release', () => {
  const buffers = new RowBuffers();
  const large = buffers.acquire();
  large.reserve(65 * MIB);
  buffers.release(large);
  const small = buffers.acquire();
  assert.notEqual(small, large);
  buffers.release(small);
  buffers.release(small);
  assert.notEqual(buffers.acquire(), buffers.acquire());
});
