import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { connect, createServer } from 'node:net';
import test, { type TestContext } from 'node:test';
import { Registry } from 'prom-client';
import { loadSettings } from '../../../core/settings/config.ts';
import { ConfigError } from '../../../core/errors.ts';
import type { Health } from '../../../core/health.ts';
import { logger } from '../../../core/logger.ts';
import { addMetric, serveMetrics, type Sample } from '../../../core/metrics-server.ts';
import { freePort } from '../../../services/local-address.ts';
import { waitFor } from '../../helpers/wait-for.ts';

logger.level = 'silent';

const healthy: Health = { stuck: () => undefined, unready: () => undefined };

async function serve(t: TestContext, registry = new Registry(), health = healthy): Promise<string> {
  const port = await freePort();
  const server = await serveMetrics(port, registry, health);
  t.after(() => server.close());
  return `http://127.0.0.1:${port}`;
}

function addRows(registry: Registry, samples: () => readonly Sample[]): void {
  addMetric(registry, { kind: 'counter', name: 'rows_total', help: 'Rows', labelNames: ['table'], samples });
}

for (const value of ['0', '65536', '-1', '9400.5', '0x24', 'yes', '127.0.0.1:9400']) {
  test(`METRICS_PORT=${value} is rejected with a one-line error that names the setting`, () => {
    assert.throws(() => loadSettings({ METRICS_PORT: value }, ''), {
      name: 'ConfigError',
      message: `METRICS_PORT must be a whole number from 1 to 65535; got "${value}"`,
    });
  });
}

test('METRICS_PORT accepts the lowest and highest port and is unset by default', () => {
  assert.equal(loadSettings({}, '').metricsPort, undefined);
  assert.equal(loadSettings({ METRICS_PORT: '1' }, '').metricsPort, 1);
  assert.equal(loadSettings({ METRICS_PORT: '65535' }, '').metricsPort, 65_535);
});

test('nothing is served or measured without METRICS_PORT', async () => {
  const registry = new Registry();
  const server = await serveMetrics(undefined, registry, healthy);
  await server.close();
  assert.deepEqual(registry.getMetricsAsArray(), []);
});

test('a scrape returns the current values and the process metrics', async (t) => {
  const registry = new Registry();
  const rows = new Map([
    ['plans_raw', 1],
    ['customers_raw', 20],
  ]);
  addRows(registry, () => [...rows].map(([table, value]) => ({ labels: { table }, value })));
  const address = await serve(t, registry);

  const first = await fetch(`${address}/metrics`);
  assert.equal(first.status, 200);
  assert.equal(first.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  const text = await first.text();
  assert.match(text, /^# HELP rows_total Rows\n# TYPE rows_total counter$/m);
  assert.match(text, /^rows_total\{table="plans_raw"\} 1\nrows_total\{table="customers_raw"\} 20$/m);
  assert.match(text, /^process_resident_memory_bytes \d+$/m);
  assert.match(text, /\n$/);

  rows.delete('plans_raw');
  rows.set('customers_raw', 21);
  const second = await (await fetch(`${address}/metrics?x=1`)).text();
  assert.deepEqual(second.match(/^rows_total\{.*$/gm), ['rows_total{table="customers_raw"} 21']);
});

const answers: [method: string, path: string, status: number, text: RegExp][] = [
  ['GET', '/', 404, /^metrics are at \/metrics, probes at \/healthz and \/readyz\n$/],
  ['GET', '/metrics/', 404, /^metrics are at/],
  ['GET', '/Metrics', 404, /^metrics are at/],
  ['POST', '/metrics', 405, /^only GET is allowed\n$/],
  ['HEAD', '/metrics', 200, /^$/],
  ['GET', '/healthz', 200, /^ok\n$/],
  ['GET', '/readyz?verbose', 200, /^ok\n$/],
  ['HEAD', '/readyz', 200, /^$/],
  ['POST', '/readyz', 405, /^only GET is allowed\n$/],
  ['GET', '/healthz/', 404, /^metrics are at/],
];
for (const [method, path, status, text] of answers) {
  test(`${method} ${path} is answered with ${status}`, async (t) => {
    const answer = await fetch((await serve(t)) + path, { method });
    assert.equal(answer.status, status);
    assert.match(await answer.text(), text);
  });
}

const states: [title: string, some: Partial<Health>, healthz: string, readyz: string][] = [
  ['stuck is neither alive nor ready', { stuck: () => 'no progress' }, '503 no progress', '503 no progress'],
  ['unready is still alive', { unready: () => 'Kafka is unavailable' }, '200 ok', '503 Kafka is unavailable'],
  [
    'unready for a reason with control characters reports it on one line',
    { unready: () => Promise.resolve('a\nb\u001b[1m') },
    '200 ok',
    '503 a\\u000ab\\u001b[1m',
  ],
  [
    'unable to determine its health is unready and shows no details',
    { unready: () => Promise.reject(new Error('s3cret')) },
    '200 ok',
    '503 health cannot be determined: see the log',
  ],
  [
    'slow to determine its health is unready',
    { unready: () => new Promise(() => {}) },
    '200 ok',
    '503 readiness is not known within 4 s',
  ],
];
for (const [title, some, ...answers] of states) {
  test(`a process that is ${title}`, async (t) => {
    const address = await serve(t, new Registry(), { ...healthy, ...some });
    const shown = ['/healthz', '/readyz'].map(async (path) => {
      const answer = await fetch(address + path);
      return `${answer.status} ${await answer.text()}`;
    });
    assert.deepEqual(
      await Promise.all(shown),
      answers.map((line) => `${line}\n`),
    );
  });
}

test('connections that send nothing or half a request block probes for only a few seconds', async (t) => {
  const address = await serve(t);
  const port = Number(new URL(address).port);
  const slow = ['', 'GET /hea'].flatMap((text) =>
    Array.from({ length: 25 }, () => {
      const socket = connect(port, '127.0.0.1').on('error', () => undefined);
      socket.resume().write(text);
      return socket;
    }),
  );
  t.after(() => slow.forEach((socket) => socket.destroy()));
  await waitFor('the end of all connections', () =>
    Promise.resolve(slow.every((socket) => socket.destroyed)),
  );
  assert.equal((await fetch(`${address}/healthz`)).status, 200);
});

test('a connection that pipelines a hundred requests causes only ten collections', async (t) => {
  const registry = new Registry();
  let collections = 0;
  addRows(registry, () => {
    collections++;
    return [];
  });
  const { host, port } = new URL(await serve(t, registry));
  const socket = connect(Number(port), '127.0.0.1').resume();
  socket.write(`GET /metrics HTTP/1.1\r\nhost: ${host}\r\n\r\n`.repeat(100));
  await once(socket, 'close');
  assert.equal(collections, 10);
});

test('a failed collection fails only its own scrape and shows no details', async (t) => {
  const registry = new Registry();
  let isBroken = true;
  addRows(registry, () => {
    if (isBroken) throw new RangeError('s3cret');
    return [{ labels: { table: 'plans_raw' }, value: 3 }];
  });
  const address = await serve(t, registry);
  const failed = await fetch(`${address}/metrics`);
  assert.equal(failed.status, 500);
  assert.equal(await failed.text(), 'metrics cannot be collected: see the log\n');
  isBroken = false;
  assert.match(await (await fetch(`${address}/metrics`)).text(), /^rows_total\{table="plans_raw"\} 3$/m);
});

test('the error for a port in use names the remedy', async (t) => {
  const other = createServer().listen(0);
  t.after(() => other.close());
  await once(other, 'listening');
  const address = other.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const registry = new Registry();
  await assert.rejects(serveMetrics(port, registry, healthy), (error) => {
    assert.ok(error instanceof ConfigError);
    assert.equal(
      error.message,
      `METRICS_PORT is ${port}, which is in use: set a free port, a different one for each process, or unset it`,
    );
    return true;
  });
  assert.deepEqual(registry.getMetricsAsArray(), []);
});

// On Linux, every address in 127.0.0.0/8 is this machine.
test(
  'metrics are served at every address of the machine',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const address = await serve(t);
    assert.equal((await fetch(`${address.replace('127.0.0.1', '127.0.0.2')}/metrics`)).status, 200);
  },
);

test('close ends open scrapes and frees the port', async (t) => {
  const port = await freePort();
  const server = await serveMetrics(port, new Registry(), healthy);
  t.after(() => server.close());
  const [hanging, kept] = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
  t.after(() => [hanging, kept].forEach((socket) => socket.destroy()));
  hanging.on('error', () => undefined).write('GET /metrics HTTP/1.1\r\nHost: h');
  await once(hanging, 'connect');
  kept.write('GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n');
  await once(kept, 'data');
  assert.ok(!kept.destroyed);
  const ended = Promise.all([once(hanging.resume(), 'close'), once(kept.resume(), 'close')]);
  await server.close();
  await ended;
  await (await serveMetrics(port, new Registry(), healthy)).close();
});

test('a metric name can be registered only once', () => {
  const registry = new Registry();
  addRows(registry, () => []);
  assert.throws(() => addRows(registry, () => []), /rows_total has already been registered/);
});

test('a web page cannot read metrics through its own host or origin', async (t) => {
  const { hostname, port } = new URL(await serve(t));
  const statusOf = async (headers: Record<string, string>) => {
    const asked = request({ hostname, port, path: '/metrics', headers, agent: false }).end();
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    answer.resume();
    return answer.statusCode;
  };
  assert.equal(await statusOf({ host: 'evil.example' }), 403);
  assert.equal(await statusOf({ origin: 'https://evil.example' }), 403);
  assert.equal(await statusOf({ 'sec-fetch-site': 'cross-site' }), 403);
  assert.equal(await statusOf({ host: '192.0.2.7:9400' }), 200);
});
