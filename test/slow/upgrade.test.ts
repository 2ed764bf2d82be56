import assert from 'node:assert/strict';
import { test } from 'node:test';
import { qualified } from '../../core/clickhouse/client.ts';
import type { Settings } from '../../core/settings/config.ts';
import { topicOf } from '../../core/stream-name.ts';
import { replay } from '../../operations/replay/replay.ts';
import { runCommand } from '../helpers/command.ts';
import { createListedSource } from '../helpers/listed-source.ts';
import { produceStreams, sinkStreams } from '../helpers/pipeline.ts';
import { command } from '../helpers/plans-table.ts';
import { readTopic } from '../helpers/read-topic.ts';
import { assertReconciled } from '../helpers/reconciled.ts';
import { createSettings, environmentOf, noSignal } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { loadWrittenBefore, sourceLists } from '../helpers/written-before.ts';

const produced = [
  'contacts',
  'customer_subscriptions',
  'customers',
  'plan_group_plans',
  'plan_groups',
  'plans',
];
const streams = [...produced, 'tasks'];
const MINUTE_MS = 60_000;

/** Sinks all streams. Returns the number of inserted rows for each stream that has any. */
async function sinkAll(settings: Settings): Promise<Record<string, number>> {
  const counts = await sinkStreams(settings, ...streams);
  for (const { stream, failure, deadLetters } of counts)
    assert.deepEqual({ failure, deadLetters }, { failure: undefined, deadLetters: 0 }, stream);
  return Object.fromEntries(counts.filter(({ rows }) => rows > 0).map(({ stream, rows }) => [stream, rows]));
}

/** Produces all streams. Returns the number of sent messages for each stream that has any. */
async function produceAll(settings: Settings): Promise<Record<string, number>> {
  const counts = await produceStreams(settings, ...produced);
  for (const { stream, failure } of counts) assert.equal(failure, undefined, stream);
  return Object.fromEntries(
    counts.filter(({ messages }) => messages > 0).map(({ stream, messages }) => [stream, messages]),
  );
}

/** Returns the contents of the views. */
async function viewsOf(settings: Settings): Promise<Record<string, unknown>> {
  const rows = streams.map((stream) => rowsOf(settings, `SELECT * FROM ${stream} ORDER BY ALL`));
  const shown = await Promise.all(rows);
  return Object.fromEntries(streams.map((stream, index) => [stream, shown[index]]));
}

const FREE_FORM = new Set(['custom', 'stripe', 'clearbit']);

/**
 * Returns rows as a replay stores them: a null in a free-form column becomes the JSON text `null`.
 */
function replayedRows(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(replayedRows);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, member]) => [
    name,
    member === null && FREE_FORM.has(name) ? 'null' : replayedRows(member),
  ]);
  return Object.fromEntries(entries);
}

const messageCount = async (settings: Settings, stream: string) =>
  (await readTopic(settings, topicOf(settings.topicPrefix, stream))).length;

test('an upgrade from 72728e4 resumes, reconciles, replays and redrives without extra rows', async (t) => {
  const source = await createListedSource(t, sourceLists());
  const settings = createSettings(t, source.baseUrl);
  const lastAtMs = await loadWrittenBefore(t, settings);

  // The table is its own checkpoint, and dead letters among its rows stay dead letters.
  assert.deepEqual(await sinkAll(settings), {});
  await assertReconciled(settings, streams);

  // Only a run interrupted less than a day ago is resumed, so the clock is set to a minute after
  // the last message.
  const aheadMs = Date.now() - lastAtMs - MINUTE_MS;
  const now = Date.now.bind(Date);
  const clock = t.mock.method(Date, 'now', () => now() - aheadMs);
  // A contact changed after the page at which the run was killed. A plan left its group, which a
  // second run confirms.
  assert.deepEqual(await produceAll(settings), { contacts: 1, plan_group_plans: 1 });
  assert.deepEqual(
    source.requests.filter((request) => request.startsWith('/contacts')),
    ['/contacts?per_page=200&cursor=c4', '/contacts?per_page=200&cursor=c6'],
  );
  assert.ok(!source.requests.some((request) => /^\/customers\/.*subscriptions/.test(request)));
  clock.mock.restore();
  assert.deepEqual(await sinkAll(settings), { contacts: 1, plan_group_plans: 1 });

  const plans = qualified(settings.clickhouse.database, 'plans_raw');
  await command(settings, `ALTER TABLE ${plans} DROP CONSTRAINT no_refused`);
  const contacts = await messageCount(settings, 'contacts');
  const redrive = await runCommand(
    t,
    'commands/dead-letters.ts',
    ['redrive', '--all'],
    environmentOf(settings),
  );
  assert.equal(redrive.exitCode, 1, redrive.stderr);
  assert.match(redrive.stdout, /^2 redriven, 1 failed again$/m);
  assert.equal(await messageCount(settings, 'contacts'), contacts + 1);
  assert.deepEqual(await produceAll(settings), {});
  assert.deepEqual(await sinkAll(settings), { contacts: 1 });
  assert.deepEqual(await rowsOf(settings, `SELECT name FROM plans WHERE uuid = 'pl_refused'`), [
    { name: 'refused' },
  ]);
  assert.deepEqual(await rowsOf(settings, 'SELECT notes, shoe_size FROM contacts WHERE shoe_size > 0'), [
    { notes: null, shoe_size: 43 },
  ]);
  await assertReconciled(settings, streams);

  const before = await viewsOf(settings);
  const replayed = await replay(settings, { streams, from: undefined }, noSignal);
  assert.deepEqual(
    replayed.map(({ stream, failure }) => ({ stream, failure })),
    streams.map((stream) => ({ stream, failure: undefined })),
  );
  assert.deepEqual(replayedRows(await viewsOf(settings)), replayedRows(before));
  assert.deepEqual(await sinkAll(settings), {});
  await assertReconciled(settings, streams);
});
