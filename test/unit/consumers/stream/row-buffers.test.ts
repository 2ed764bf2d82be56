import assert from 'node:assert/strict';
import test from 'node:test';
import { RowBuffers } from '../../../../consumers/stream/row-buffers.ts';

const MIB = 1024 * 1024;

test('rows of all tables together fill the buffers, and what is given back makes room', () => {
  const buffers = new RowBuffers();
  let told = 0;
  buffers.onRoom(() => told++);
  const taken = [1, 2, 3, 4, 5].map(() => buffers.acquire());
  for (const buffer of taken) buffer.length = 20 * MIB;
  assert.ok(buffers.isFull());
  const [first, second] = taken;
  assert.ok(first && second);
  buffers.release(first);
  assert.ok(!buffers.isFull());
  buffers.release(second);
  // Told once: there was room already.
  assert.equal(told, 1);
});

test('a buffer is used again, empty, and only a few are kept', () => {
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

test('a buffer that grew too large is not kept, and giving one back twice changes nothing', () => {
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
