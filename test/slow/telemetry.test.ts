import assert from 'node:assert/strict';
import test from 'node:test';
import { startCommand, runCommand } from '../helpers/command.ts';
import { createOtlpReceiver } from '../helpers/otlp-receiver.ts';
import { createPlansServer, planKeys, sendsAt } from '../helpers/plans-server.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';

test('each run and each sink batch is one trace, and an unavailable collector is logged once', async (t) => {
  const receiver = await createOtlpReceiver(t);
  const plans = await createPlansServer(t);
  const settings = createSettings(t, plans.baseUrl);
  const env = environmentOf(settings);
  const observed = { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url };
  const run = (entry: string, args: readonly string[], more = observed) =>
    runCommand(t, `commands/${entry}.ts`, args, more);

  const produced = await run('produce', ['--streams', 'plans']);
  assert.equal(produced.exitCode, 0, produced.stderr);
  const [root, ...others] = receiver.spans.filter(({ parent }) => parent === '');
  assert.ok(root);
  assert.deepEqual(others, []);
  assert.equal(root.name, 'produce');
  const [stream] = receiver.spans.filter(({ parent }) => parent === root.id);
  assert.equal(stream?.attributes['chartmogul.records'], planKeys.length);
  const [recorded] = await (async () => {
    const sunk = await run('sink', ['--until-caught-up']);
    assert.equal(sunk.exitCode, 0, sunk.stderr);
    return rowsOf(settings, 'SELECT run FROM runs');
  })();
  assert.equal(recorded?.['run'], root.attributes['chartmogul.run']);

  const batches = receiver.spans.filter(({ name }) => name === 'sink batch');
  const ofPlans = batches.filter(({ attributes }) => attributes['chartmogul.stream'] === 'plans');
  const rows = ofPlans.reduce((sum, { attributes }) => sum + Number(attributes['chartmogul.rows']), 0);
  assert.equal(rows, planKeys.length);
  assert.equal(new Set(batches.map(({ trace }) => trace)).size, batches.length);
  for (const { id, trace } of batches)
    assert.ok(
      receiver.spans.some((span) => span.name === 'insert' && span.parent === id && span.trace === trace),
    );
  assert.deepEqual([...receiver.services].sort(), ['chartmogul-produce', 'chartmogul-sink']);
  for (const name of ['chartmogul_produce_records_total', 'chartmogul_sink_rows_total'])
    assert.ok(
      receiver.metrics.get(name)?.points.some(({ value }) => value === planKeys.length),
      name,
    );

  plans.onRequest = sendsAt('page 1', 401, '{}');
  receiver.spans.length = 0;
  assert.equal((await run('produce', ['--streams', 'plans'])).exitCode, 1);
  assert.ok(receiver.spans.some(({ name, isFailed }) => name === 'produce stream' && isFailed));

  const unobserved = { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' };
  for (const [entry, args] of [
    ['produce', ['--streams', 'data_sources']],
    ['sink', ['--until-caught-up']],
  ] as const) {
    const { exitCode, stderr } = await run(entry, args, unobserved);
    assert.equal(exitCode, entry === 'sink' ? 0 : 1, stderr);
    assert.equal(stderr.split('OpenTelemetry: the collector').length, 2, stderr);
  }
  const stopped = startCommand(t, 'commands/sink.ts', [], unobserved);
  await stopped.logged('consuming topics');
  stopped.kill('SIGTERM');
  assert.equal((await stopped.result).exitCode, 0);
});
