import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Faults, type Fault } from '../../simulator/faults.ts';
import type { SimulatorOptions } from '../../simulator/options.ts';
import { listen } from '../../simulator/server.ts';
import { createSimulator } from '../../simulator/simulator.ts';
import { waitFor } from '../helpers/wait-for.ts';

const headers = { Authorization: `Basic ${Buffer.from('key:').toString('base64')}` };

async function start(t: TestContext, options: Partial<SimulatorOptions>, now?: () => number) {
  const listening = await listen(createSimulator({ customers: 20, rateLimit: 0, ...options }), 0, now);
  t.after(() => listening.close());
  const get = (address: string, init: RequestInit = {}) =>
    fetch(`${listening.baseUrl}${address}`, { headers, signal: AbortSignal.timeout(10_000), ...init });
  const control = (address: string, init: RequestInit = {}) =>
    fetch(`${new URL(listening.baseUrl).origin}/_simulator${address}`, {
      signal: AbortSignal.timeout(10_000),
      ...init,
    });
  return { ...listening, listening, get, control };
}

/** Returns how a request ended for a client that reads the entire response. */
async function outcome(answer: Promise<Response>): Promise<string> {
  try {
    const response = await answer;
    const body = await response.text();
    if (response.status !== 200) return String(response.status);
    JSON.parse(body);
    return 'ok';
  } catch (error) {
    if (error instanceof SyntaxError) return 'half';
    return error instanceof DOMException ? 'hang' : 'torn';
  }
}

test('requests beyond the rate limit receive 429 and are counted', async (t) => {
  const { get, control } = await start(t, { rateLimit: 5, retryAfter: 1 }, () => 0);
  const answers = await Promise.all(Array.from({ length: 12 }, () => get('/ping')));
  const refused = answers.filter(({ status }) => status === 429);
  assert.equal(refused.length, 7);
  assert.equal(refused[0]?.headers.get('retry-after'), '1');
  const stats = (await (await control('/stats')).json()) as Record<string, unknown>;
  assert.deepEqual(
    { requests: stats['requests'], rate_limited: stats['rate_limited'], paths: stats['paths'] },
    { requests: 12, rate_limited: 7, paths: { '/v1/ping': 12 } },
  );
});

/** Opens a request that the server answers only once its body ends. */
function openRequest(t: TestContext, url: string): ClientRequest {
  const opened = request(url, { method: 'POST', headers, agent: false });
  t.after(() => opened.destroy());
  opened.flushHeaders();
  return opened;
}

test('requests beyond the connection limit receive 503, and the maximum is recorded', async (t) => {
  const { get, baseUrl, statistics } = await start(t, { connectionLimit: 3 });
  const open = Array.from({ length: 3 }, () => openRequest(t, `${baseUrl}/ping`));
  await waitFor('three requests under way', () => statistics.toJSON().max_parallel === 3);
  const refused = await Promise.all(Array.from({ length: 5 }, () => get('/ping')));
  assert.deepEqual(new Set(refused.map(({ status }) => status)), new Set([503]));
  const { too_many_connections, max_parallel } = statistics.toJSON();
  assert.equal(too_many_connections, 5);
  assert.ok(max_parallel > 3);
  for (const opened of open) opened.end('{}');
  await waitFor('a request that is accepted', async () => (await get('/ping')).status === 200);
});

const outcomes: Record<Fault, string> = {
  '500': '500',
  '502': '502',
  '504': '504',
  '429': '429',
  'torn body': 'torn',
  'half JSON': 'half',
  reset: 'torn',
  hang: 'hang',
};

test('every kind of fault reaches the client', async (t) => {
  const options = { faults: 0.9, seed: 2, connectionLimit: 0 };
  const { get } = await start(t, options);
  const faults = new Faults(options);
  const seen = new Set<Fault | undefined>();
  for (let request = 0; request < 80; request++) {
    const fault = faults.next();
    seen.add(fault);
    const signal = AbortSignal.timeout(fault === 'hang' ? 150 : 10_000);
    assert.equal(await outcome(get('/customers', { signal })), fault ? outcomes[fault] : 'ok');
  }
  assert.deepEqual(seen, new Set([...Object.keys(outcomes), undefined]));
});

test('a running simulator moves to another revision on request and rejects invalid input', async (t) => {
  const { get, control } = await start(t, { changes: 0.8 });
  const read = async () => (await get('/customers')).text();
  const before = await read();
  const moveTo = (revision: number) =>
    control('/revision', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ revision }),
    });
  assert.deepEqual(await (await moveTo(2)).json(), { revision: 2 });
  assert.notEqual(await read(), before);
  assert.equal((await moveTo(-1)).status, 400);
  await moveTo(0);
  assert.equal(await read(), before);
});

test('the control endpoint accepts small JSON from local programs and rejects web pages', async (t) => {
  const { baseUrl, control } = await start(t, {});
  const post = (body: string, headers: Record<string, string>) =>
    control('/revision', { method: 'POST', body, headers }).then(({ status }) => status);
  const move = '{"revision": 1}';
  const asJson = { 'content-type': 'application/json; charset=utf-8' };
  assert.equal(await post(move, { 'content-type': 'text/plain' }), 415);
  assert.equal(await post(move, { 'content-type': 'application/x-www-form-urlencoded' }), 415);
  assert.equal(await post(move, { 'content-type': 'text/plain; application/json' }), 415);
  assert.equal(await post(`${move}${' '.repeat(5_000)}`, asJson), 413);
  assert.equal(await post(move, { ...asJson, origin: 'https://evil.example' }), 403);
  const foreignHost = request(baseUrl, { headers: { ...headers, host: 'evil.example' } }).end();
  const [answer] = (await once(foreignHost, 'response')) as [IncomingMessage];
  answer.resume();
  assert.equal(answer.statusCode, 403);
  assert.equal(((await (await control('/stats')).json()) as { revision: number }).revision, 0);
  assert.equal(await post(move, asJson), 200);
});

test('closing the server ends requests that hang', async (t) => {
  const { get, listening } = await start(t, { latency: 60_000 });
  const answer = outcome(get('/ping'));
  await listening.close();
  assert.equal(await answer, 'torn');
});

function run(t: TestContext, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const entry = fileURLToPath(new URL('../../simulator/main.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', entry, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], ...env },
  });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

test('simulate prints its address on one line and exits with 0 when stopped', async (t) => {
  const child = run(t, ['--port', '0', '--customers', '5']);
  const exited = once(child, 'exit');
  const [line] = (await once(child.stdout, 'data', { signal: AbortSignal.timeout(30_000) })) as [Buffer];
  const baseUrl = /^(http:\/\/127\.0\.0\.1:\d+\/v1) .*\n$/.exec(line.toString())?.[1];
  assert.ok(baseUrl, line.toString());
  assert.equal(
    (await fetch(`${baseUrl}/ping`, { headers, signal: AbortSignal.timeout(10_000) })).status,
    200,
  );
  child.kill('SIGTERM');
  assert.deepEqual(await exited, [0, null]);
});

test('simulate exits with 2 and names an invalid argument', async (t) => {
  const child = run(t, ['--faults', '2']);
  const [exit, message] = await Promise.all([once(child, 'exit'), text(child.stderr)]);
  assert.deepEqual(exit, [2, null]);
  assert.match(message, /--faults/);
});

test('simulate accepts only the API key in its environment and does not print it on startup', async (t) => {
  const child = run(t, ['--port', '0', '--customers', '5'], { CHARTMOGUL_API_KEY: 'planted-key' });
  const [line] = (await once(child.stdout, 'data', { signal: AbortSignal.timeout(30_000) })) as [Buffer];
  assert.doesNotMatch(line.toString(), /planted-key/);
  const [baseUrl = ''] = line.toString().split(' ');
  const statusFor = async (key: string) => {
    const authorization = `Basic ${Buffer.from(`${key}:`).toString('base64')}`;
    return (await fetch(`${baseUrl}/ping`, { headers: { authorization } })).status;
  };
  assert.deepEqual(
    { planted: await statusFor('planted-key'), another: await statusFor('another') },
    { planted: 200, another: 401 },
  );
  const refused = run(t, ['--api-key', 'k']);
  assert.deepEqual(await once(refused, 'exit'), [2, null]);
});
