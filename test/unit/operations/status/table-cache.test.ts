import assert from 'node:assert/strict';
import test from 'node:test';
import { TableCache } from '../../../../operations/status/table-cache.ts';

test('TableCache reads again if the mark changes or is unknown, or if a read returned nothing', async () => {
  const cache = new TableCache();
  let reads = 0;
  const get = (mark: string | undefined, value: number | undefined = ++reads) =>
    cache.get('facts', mark, () => Promise.resolve(value));
  assert.equal(await get('a'), 1);
  assert.equal(await get('a'), 1);
  assert.equal(await get('b', 7), 7);
  assert.equal(await get(undefined, 8), 8);
  assert.equal(await get('b', 9), 9, 'an unknown mark must discard the cached value');
  const other = (value: number | undefined) => cache.get('other', 'b', () => Promise.resolve(value));
  assert.equal(await other(undefined), undefined);
  assert.equal(await other(3), 3);
});

test('TableCache reads again after a minute', async (t) => {
  const cache = new TableCache();
  let nowMs = 0;
  t.mock.method(performance, 'now', () => nowMs);
  const get = (value: number) => cache.get('facts', 'a', () => Promise.resolve(value));
  assert.equal(await get(1), 1);
  nowMs = 59_999;
  assert.equal(await get(2), 1);
  nowMs = 60_000;
  assert.equal(await get(3), 3);
});
