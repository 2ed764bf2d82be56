import assert from 'node:assert/strict';
import test from 'node:test';
import { topicOf } from '../../core/stream-name.ts';
import { freePort } from '../../services/local-address.ts';
import { startCommand } from '../helpers/command.ts';
import { answersAll, createPlansServer, sendsAt } from '../helpers/plans-server.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';
import { createSinkBench, startSink } from '../helpers/sink-bench.ts';
import { waitFor } from '../helpers/wait-for.ts';

const WITHIN_MS = 90_000;

/** Polls a probe until it returns the line, such as `200 ok`. */
async function shows(port: number | undefined, path: string, line: string): Promise<void> {
  let latest = 'nothing';
  const ask = async () => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`).catch(() => undefined);
    if (answer !== undefined) latest = `${answer.status} ${(await answer.text()).trim()}`;
    return latest === line;
  };
  await waitFor(`${path} to show "${line}"`, ask, WITHIN_MS).catch((error: unknown) => {
    throw new Error(`${path} shows "${latest}"`, { cause: error });
  });
}

test('sink is ready once it reads its streams, and unready while a stream has failed', async (t) => {
  const { settings, admin, send, hasRows } = await createSinkBench(t);
  const { stop } = startSink(t, settings, ['plans']);
  const { metricsPort: port } = settings;
  await shows(port, '/readyz', '200 ok');
  await send('plans', 0, 10);
  await hasRows('plans', 10);
  await admin.deleteTopics({ topics: [topicOf(settings.topicPrefix, 'plans')] });
  await shows(port, '/readyz', '503 1 stream has failed: plans (ETL_TOPIC_GONE); see the log');
  await shows(port, '/healthz', '200 ok');
  await stop();
});

test('scheduled produce is unready after a failed run until a run succeeds', async (t) => {
  const plans = await createPlansServer(t);
  const settings = createSettings(t, plans.baseUrl);
  const port = await freePort();
  const env = { ...environmentOf(settings), METRICS_PORT: String(port) };
  const command = startCommand(t, 'commands/produce.ts', ['--streams', 'plans', '--every', '2s'], env);
  await shows(port, '/readyz', '200 ok');
  plans.onRequest = sendsAt('page 1', 401, '{}');
  await shows(port, '/readyz', '503 1 stream has failed: plans (ETL_AUTHENTICATION); see the log');
  await shows(port, '/healthz', '200 ok');
  plans.onRequest = answersAll;
  await shows(port, '/readyz', '200 ok');
  command.kill('SIGTERM');
  const { stderr } = await command.result;
  const lines = stderr
    .split('\n')
    .flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as object] : []));
  const outside = lines.flatMap((line) => ('run' in line || !('msg' in line) ? [] : [line.msg]));
  assert.deepEqual(
    [...new Set(outside)]
      .filter((text) => text !== 'stopping: a second signal ends the command immediately')
      .sort(),
    ['metrics and health are served', 'next run'],
    'every other line must carry the ID of its run',
  );
});

test('show is unready while ClickHouse is unavailable', async (t) => {
  const settings = createSettings(t);
  const env = { ...environmentOf(settings), SHOW_PORT: String(await freePort()) };
  const [port, otherPort] = [await freePort(), await freePort()];
  startCommand(t, 'commands/show.ts', [], { ...env, METRICS_PORT: String(port) });
  await shows(port, '/readyz', '200 ok');
  startCommand(t, 'commands/show.ts', [], {
    ...env,
    SHOW_PORT: String(await freePort()),
    METRICS_PORT: String(otherPort),
    CLICKHOUSE_URL: `http://127.0.0.1:${await freePort()}`,
  });
  await shows(otherPort, '/readyz', '503 ClickHouse is unavailable');
  await shows(otherPort, '/healthz', '200 ok');
});
