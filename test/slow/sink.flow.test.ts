import assert from 'node:assert/strict';
import test from 'node:test';
import type { Settings } from '../../core/settings/config.ts';
import { startCommand } from '../helpers/command.ts';
import { createLoad } from '../helpers/load.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { assertEachOnce, createUnmergedPlans } from '../helpers/plans-table.ts';
import { createProxy } from '../helpers/proxy.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { waitFor } from '../helpers/wait-for.ts';

async function storedAtLeast(settings: Settings, count: number): Promise<void> {
  await waitFor(`${count} rows`, async () => {
    const [row] = await rowsOf(settings, 'SELECT count() AS n FROM plans_raw');
    return Number(row?.['n']) >= count;
  });
}

test('SIGTERM ends a sink while ClickHouse hangs, and the next sink inserts the rest', async (t) => {
  const settings = createSettings(t);
  await createUnmergedPlans(settings);
  const proxy = await createProxy(t, settings.clickhouse.url);
  const load = await createLoad(t, settings, 100);
  const slow = { ...settings, clickhouse: { ...settings.clickhouse, url: proxy.url } };
  const running = startCommand(t, 'commands/sink.ts', ['--streams', 'plans'], environmentOf(slow));
  await storedAtLeast(settings, 1);
  proxy.hang();
  const before = load.sent;
  await waitFor('more messages', () => load.sent > before + 1_000);
  await load.stop();
  const startMs = performance.now();
  running.kill('SIGTERM');
  const { exitCode, stderr } = await running.result;
  // docs/how-to/sink.md promises this limit.
  assert.ok(performance.now() - startMs < 10_000, 'the sink took too long to stop');
  assert.equal(exitCode, 1);
  assert.match(stderr, /^stopped by SIGTERM: the work did not end within 9 s$/m);
  await sinkStreams(settings, 'plans');
  await assertEachOnce(settings, load.sent);
});
