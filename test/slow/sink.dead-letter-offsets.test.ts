import assert from 'node:assert/strict';
import test from 'node:test';
import { runCommand } from '../helpers/command.ts';
import { createPlacedPlans } from '../helpers/placed-plans.ts';
import { command } from '../helpers/plans-table.ts';
import { environmentOf } from '../helpers/settings.ts';

test('redriven rows are inserted again after the table is emptied or dropped', async (t) => {
  const { settings, plan, sunk, table, stored } = await createPlacedPlans(t);
  await plan(1, 0);
  await sunk();
  await command(settings, `ALTER TABLE ${table} ADD CONSTRAINT small CHECK interval_count < 10 OR _deleted`);
  await plan(1, 11);
  await plan(3, 12);
  assert.deepEqual(await sunk(), [0, 2]);
  assert.deepEqual(await sunk(), [0, 0]);
  await command(settings, `ALTER TABLE ${table} DROP CONSTRAINT small`);
  const redriven = await runCommand(
    t,
    'commands/dead-letters.ts',
    ['redrive', '--all'],
    environmentOf(settings),
  );
  assert.match(redriven.stdout, /^2 redriven/m, redriven.stderr);
  assert.deepEqual(await stored(), [0, 11, 12]);
  await command(settings, `TRUNCATE TABLE ${table}`);
  assert.deepEqual(await sunk(), [3, 0]);
  assert.deepEqual(await stored(), [0, 11, 12]);
  await command(settings, `DROP TABLE ${table} SYNC`);
  assert.deepEqual(await sunk(), [3, 0]);
  assert.deepEqual(await stored(), [0, 11, 12]);
});
