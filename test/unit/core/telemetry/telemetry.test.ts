import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test, { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Registry } from 'prom-client';
import { ConfigError, TopicGoneError } from '../../../../core/errors.ts';
import { logger } from '../../../../core/logger.ts';
import { addMetric } from '../../../../core/metrics-server.ts';
import { loadSettings } from '../../../../core/settings/config.ts';
import { parseHeaders } from '../../../../core/telemetry/otlp-sender.ts';
import { inSpan } from '../../../../core/telemetry/spans.ts';
import { startTelemetry } from '../../../../core/telemetry/telemetry.ts';
import { createOtlpReceiver, type OtlpReceiver } from '../../../helpers/otlp-receiver.ts';

logger.level = 'silent';
const root = fileURLToPath(new URL('../../../../', import.meta.url));

function settingsFor(url: string, more: NodeJS.ProcessEnv = {}) {
  return loadSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: url, ...more }, '').telemetry;
}

async function start(t: TestContext, receiver: OtlpReceiver, registry = new Registry()) {
  const telemetry = await startTelemetry(settingsFor(receiver.url), 'sink', registry);
  t.after(() => telemetry.close());
  return telemetry;
}

test('a span within another span is its child, and any other span begins a trace', async (t) => {
  const receiver = await createOtlpReceiver(t);
  const telemetry = await start(t, receiver);
  await inSpan('produce', { 'chartmogul.run': 'r1' }, () =>
    Promise.all(
      ['plans', 'tasks'].map((stream) =>
        inSpan('produce stream', { 'chartmogul.stream': stream }, async (span) => {
          await new Promise((resolve) => setImmediate(resolve));
          span.set({ 'chartmogul.records': 3, 'chartmogul.full': true });
          if (stream === 'tasks') span.fail(new TopicGoneError('topic tasks is gone'));
        }),
      ),
    ),
  );
  await assert.rejects(
    inSpan('sink batch', {}, () => Promise.reject(new Error('refused'))),
    /refused/,
  );
  await telemetry.close();

  const [run, batch] = ['produce', 'sink batch'].map((name) =>
    receiver.spans.find((span) => span.name === name),
  );
  assert.ok(run && batch);
  assert.equal(receiver.spans.length, 4);
  assert.deepEqual(run.attributes, { 'chartmogul.run': 'r1' });
  assert.deepEqual([run.parent, batch.parent, run.isFailed, batch.isFailed], ['', '', false, true]);
  assert.notEqual(run.trace, batch.trace);
  const streams = receiver.spans.filter(({ name }) => name === 'produce stream');
  for (const { trace, parent } of streams) assert.deepEqual([trace, parent], [run.trace, run.id]);
  assert.deepEqual(
    streams.map(({ attributes, isFailed }) => [attributes['chartmogul.stream'], isFailed]).sort(),
    [
      ['plans', false],
      ['tasks', true],
    ],
  );
  assert.equal(streams[0]?.attributes['chartmogul.records'], 3);
  assert.deepEqual([...receiver.services], ['chartmogul-sink']);
});

test('counters and gauges of the registry are exported with their labels', async (t) => {
  const receiver = await createOtlpReceiver(t);
  const registry = new Registry();
  for (const kind of ['counter', 'gauge'] as const)
    addMetric(registry, {
      kind,
      name: `rows_${kind}`,
      help: 'Rows',
      labelNames: ['stream'],
      samples: () => [{ labels: { stream: 'plans' }, value: 41.5 }],
    });
  const telemetry = await start(t, receiver, registry);
  await telemetry.close();
  const points = [{ labels: { stream: 'plans' }, value: 41.5 }];
  assert.deepEqual(receiver.metrics.get('rows_counter'), { name: 'rows_counter', kind: 'sum', points });
  assert.deepEqual(receiver.metrics.get('rows_gauge'), { name: 'rows_gauge', kind: 'gauge', points });
  assert.ok(receiver.metrics.has('process_resident_memory_bytes'), 'the metrics of the process are missing');
});

test('headers reach the collector, and OTEL_SERVICE_NAME replaces the default service name', async (t) => {
  const receiver = await createOtlpReceiver(t);
  const more = {
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20abc, x-team=data',
    OTEL_SERVICE_NAME: 'mine',
  };
  const telemetry = await startTelemetry(settingsFor(receiver.url, more), 'sink', new Registry());
  await telemetry.close();
  const [headers] = receiver.headers;
  assert.deepEqual([headers?.['authorization'], headers?.['x-team']], ['Bearer abc', 'data']);
  assert.deepEqual([...receiver.services], ['mine']);
});

test('parseHeaders reads headers in the format of OpenTelemetry', () => {
  assert.deepEqual(parseHeaders(' A=1,, b = x=y%20z ,=c, d=%zz'), { a: '1', b: 'x=y z', d: '%zz' });
});

test('headers to another machine require https', () => {
  const settings = () =>
    settingsFor('http://collector.example:4318', { OTEL_EXPORTER_OTLP_HEADERS: 'a=secret' });
  assert.throws(settings, (error) => {
    assert.ok(error instanceof ConfigError);
    assert.match(error.message, /^OTEL_EXPORTER_OTLP_ENDPOINT names another machine/);
    assert.ok(!error.message.includes('secret'));
    return true;
  });
});

const collectors: [title: string, respond: OtlpReceiver['respond']][] = [
  ['that never answers', () => {}],
  ['that refuses everything', (response) => response.writeHead(503).end()],
  ['that closes the connection', (response) => response.destroy()],
];
for (const [title, respond] of collectors) {
  test(`a collector ${title} neither fails the work nor prevents telemetry from closing`, async (t) => {
    const receiver = await createOtlpReceiver(t);
    receiver.respond = respond;
    const telemetry = await start(t, receiver);
    assert.equal(await inSpan('produce', {}, () => Promise.resolve(7)), 7);
    await telemetry.close();
    assert.notEqual(receiver.requests, 0);
  });
}

test('the SDK is loaded only if a collector is set, and an unreachable one causes no failure', () => {
  const script = (url: string) => `
    const { createRequire } = await import('node:module');
    const { Registry } = await import('prom-client');
    const { startTelemetry } = await import('./core/telemetry/telemetry.ts');
    const { inSpan } = await import('./core/telemetry/spans.ts');
    const settings = { endpoint: ${url}, headers: undefined, serviceName: undefined };
    const telemetry = await startTelemetry(settings, 'sink', new Registry());
    const result = await inSpan('work', {}, () => Promise.resolve('done'));
    await telemetry.close();
    const loaded = Object.keys(createRequire(process.cwd() + '/x.js').cache).some((path) => path.includes('@opentelemetry/sdk'));
    console.log(result, loaded);`;
  const outputOf = (url: string) => {
    const args = ['--import', 'tsx', '--input-type=module', '--eval', script(url)];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      cwd: root,
      encoding: 'utf8',
      timeout: 120_000,
    });
    return {
      status,
      stdout,
      warnings: stderr.split('\n').filter((line) => line.includes('collector')).length,
    };
  };
  assert.deepEqual(outputOf('undefined'), { status: 0, stdout: 'done false\n', warnings: 0 });
  assert.deepEqual(outputOf(`'http://127.0.0.1:1'`), { status: 0, stdout: 'done true\n', warnings: 1 });
});
