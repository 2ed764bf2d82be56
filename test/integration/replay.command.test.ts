import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { Settings } from '../../core/settings/config.ts';
import { topicOf } from '../../core/stream-name.ts';
import { runCommand, startCommand } from '../helpers/command.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { identityOfPlans, shadowTables } from '../helpers/replayed.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer, createTopics, messagesOf } from '../helpers/topic.ts';

const replay = (t: TestContext, settings: Settings, ...args: string[]) =>
  runCommand(t, 'commands/replay.ts', args, environmentOf(settings));

async function createPlans(t: TestContext, count: number): Promise<Settings> {
  const settings = createSettings(t);
  await createTopics(settings, 'plans', 'tasks');
  const producer = await createProducer(t, settings);
  const records = Array.from({ length: count }, (_, index) => ({ uuid: `pl_${index}` }));
  await producer.send({
    topic: topicOf(settings.topicPrefix, 'plans'),
    messages: await messagesOf(settings, 'plans', records),
  });
  await sinkStreams(settings, 'plans');
  return settings;
}

/** Returns the lines that are not log lines. */
const plainLines = (stderr: string) =>
  stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{'));

test('replay rejects an impossible request with one line and changes nothing', async (t) => {
  const settings = await createPlans(t, 3);
  const before = await identityOfPlans(settings);
  const cases = [
    [['--streams', 'plan'], 2, /^--streams got "plan": did you mean plans\?$/],
    [
      ['--streams', 'customers'],
      2,
      /^--streams must name streams that have a topic; got "customers", whose topic test_\w+\.customers does not exist/,
    ],
    [['--streams', 'plans,plans'], 2, /^--streams must name each stream once; got "plans" twice/],
    [['--from', '2999-01-01T00:00:00Z'], 2, /^--from must not be in the future; got 2999-01-01T00:00:00Z/],
    [['--from', 'yesterday'], 2, /^--from must be beginning, or an ISO time .*; got "yesterday"/],
    [['--streams', 'tasks'], 1, /^tasks failed: topic test_\w+\.tasks is empty: there is nothing to replay/],
  ] as const;
  await Promise.all(
    cases.map(async ([args, exitCode, line]) => {
      const result = await replay(t, settings, ...args);
      assert.equal(result.exitCode, exitCode, result.stderr);
      assert.equal(result.stdout, '');
      const lines = plainLines(result.stderr);
      assert.equal(lines.length, 1, result.stderr);
      assert.match(lines[0] ?? '', line);
    }),
  );
  assert.equal(await identityOfPlans(settings), before);
  assert.deepEqual(await shadowTables(settings), []);
});

test('a dry run reports messages, bytes and time, and changes nothing', async (t) => {
  const settings = await createPlans(t, 1_234);
  const before = await identityOfPlans(settings);
  const { exitCode, stdout } = await replay(t, settings, '--streams', 'plans', '--dry-run');
  assert.equal(exitCode, 0);
  assert.match(stdout, /^stream +rows now +messages +size +time\nplans +1,234 +1,234 +[\d.]+ KiB +0:03\n/);
  assert.equal(await identityOfPlans(settings), before);
  assert.deepEqual(await shadowTables(settings), []);
});

test('a replay without --streams replays every stream that has messages', async (t) => {
  const settings = await createPlans(t, 10);
  const producer = await createProducer(t, settings);
  const messages = await messagesOf(settings, 'tasks', [{ task_uuid: 't1' }]);
  await producer.send({ topic: topicOf(settings.topicPrefix, 'tasks'), messages });
  await sinkStreams(settings, 'tasks');
  const { exitCode, stdout } = await replay(t, settings);
  assert.equal(exitCode, 0);
  assert.match(stdout, /^plans +10 +10 +10 +\d+\.\d +ok$/m);
  assert.match(stdout, /^tasks +1 +1 +1 +\d+\.\d +ok$/m);
  for (const line of stdout.split('\n')) assert.ok(line.length <= 80);
});

test('a replay that is stopped leaves only the live table', async (t) => {
  const settings = await createPlans(t, 10);
  const before = await identityOfPlans(settings);
  const running = startCommand(t, 'commands/replay.ts', ['--streams', 'plans'], environmentOf(settings));
  await running.logged('table created');
  running.kill('SIGTERM');
  const { exitCode, stderr } = await running.result;
  assert.equal(exitCode, 1);
  assert.match(plainLines(stderr).join('\n'), /^stopped by SIGTERM: 0 replayed, 1 left unchanged$/);
  assert.equal(await identityOfPlans(settings), before);
  assert.deepEqual(await shadowTables(settings), []);
  const [row] = await rowsOf(settings, 'SELECT count() AS n FROM plans');
  assert.equal(row?.['n'], 10);
});
