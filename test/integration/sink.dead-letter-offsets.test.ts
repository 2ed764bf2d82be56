import assert from 'node:assert/strict';
import test from 'node:test';
import { createPlacedPlans } from '../helpers/placed-plans.ts';

test('a sink resumes after trailing dead letters whose offsets an earlier sink committed', async (t) => {
  const { poison, plan, sunk } = await createPlacedPlans(t);
  // One partition has only dead letters, and another has a dead letter after a row.
  await poison(0);
  await poison(0);
  await plan(1, 1);
  await poison(1);
  assert.deepEqual(await sunk(), [1, 3]);
  assert.deepEqual(await sunk(), [0, 0]);
  await poison(0);
  await plan(0, 2);
  await poison(0);
  assert.deepEqual(await sunk(), [1, 2]);
  assert.deepEqual(await sunk(), [0, 0]);
  await plan(1, 3);
  assert.deepEqual(await sunk(), [1, 0]);
});

test('messages without a schema are rejected once, and a later record becomes a row', async (t) => {
  const { poison, sunk, plan, stored } = await createPlacedPlans(t);
  await poison(2);
  assert.deepEqual(await sunk(), [0, 1]);
  assert.deepEqual(await sunk(), [0, 0]);
  await plan(2, 1);
  // A table exists now, so the sink may read the rejected message again.
  const [rows] = await sunk();
  assert.equal(rows, 1);
  assert.deepEqual(await stored(), [1]);
  assert.deepEqual(await sunk(), [0, 0]);
});
