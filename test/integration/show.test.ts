import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer, request, type IncomingMessage } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import test, { type TestContext } from 'node:test';
import { ConfigError } from '../../core/errors.ts';
import type { Settings } from '../../core/settings/config.ts';
import { Secret } from '../../core/settings/secret.ts';
import type { Overview } from '../../dashboard/api/overview.ts';
import { startDashboard } from '../../dashboard/server/server.ts';
import { freePort } from '../../services/local-address.ts';
import { runCommand, startCommand } from '../helpers/command.ts';
import { openEvents } from '../helpers/event-stream.ts';
import { produceStreams } from '../helpers/pipeline.ts';
import { createPlansServer } from '../helpers/plans-server.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';

const standard = { host: '127.0.0.1', port: 0, password: undefined };

async function start(t: TestContext, show: Partial<Settings['show']> = {}, settings = createSettings(t)) {
  const controller = new AbortController();
  const dashboard = await startDashboard({ ...settings, show: { ...standard, ...show } }, controller.signal);
  const stop = async () => {
    controller.abort();
    await dashboard.stopped;
  };
  t.after(stop);
  return { url: dashboard.url, stop };
}

interface Call {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/**
 * Sends requests that fetch does not allow, such as one with another Host. A GET carries the header
 * that the dashboard's own pages send.
 */
async function call(url: string, { method = 'GET', headers = {}, body }: Call = {}) {
  const own = method === 'GET' ? { 'x-page-token': 'any' } : {};
  const sent = request(url, { method, headers: { ...own, ...headers } }).end(body);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  return { status: answer.statusCode, headers: answer.headers, body: await text(answer) };
}

function messageIn(body: string): string {
  return (JSON.parse(body) as { error: { message: string } }).error.message;
}

test('show rejects requests from other pages and hosts, and requests without the page token', async (t) => {
  const { url } = await start(t);
  const { host, port } = new URL(url);
  const api = `${url}api/about`;
  const json = { 'content-type': 'application/json' };
  const html = (await call(url)).body;
  const token = /name="page-token" content="([^"]+)"/.exec(html)?.[1] ?? '';
  assert.ok(token.length >= 32);
  const cases: readonly (readonly [name: string, call: Call, status: number])[] = [
    ['a request', {}, 200],
    ['the name localhost', { headers: { host: `localhost:${port}` } }, 200],
    ['another host', { headers: { host: `evil.example:${port}` } }, 403],
    ['a host that begins like ours', { headers: { host: `127.0.0.1.evil.example:${port}` } }, 403],
    ['another origin', { headers: { origin: 'http://evil.example' } }, 403],
    ['another port of this machine', { headers: { origin: 'http://127.0.0.1:1' } }, 403],
    ['a sandboxed page', { headers: { origin: 'null' } }, 403],
    ['a link on another site', { headers: { 'sec-fetch-site': 'cross-site' } }, 403],
    ['a page on the same site', { headers: { 'sec-fetch-site': 'same-site' } }, 403],
    ['our own page', { headers: { origin: `http://${host}`, 'sec-fetch-site': 'same-origin' } }, 200],
    ['an image of another page without Sec-Fetch-Site', { headers: { 'x-page-token': '' } }, 403],
    ['a post without token', { method: 'POST', headers: json, body: '{}' }, 403],
    [
      'a post with another token',
      { method: 'POST', headers: { ...json, 'x-page-token': 'x' }, body: '{}' },
      403,
    ],
    ['a post of a form', { method: 'POST', headers: { 'x-page-token': token }, body: 'a=b' }, 415],
    [
      'a post to an unknown path',
      { method: 'POST', headers: { ...json, 'x-page-token': token }, body: '{}' },
      404,
    ],
    ['a delete', { method: 'DELETE', headers: { 'x-page-token': token } }, 405],
  ];
  for (const [name, sent, status] of cases) {
    const answer = await call(api, sent);
    assert.equal(answer.status, status, name);
    if (status !== 200) assert.ok(messageIn(answer.body).length > 0, name);
  }
  const escaped = await call(`${url}%61pi/about`, { headers: { 'x-page-token': '' } });
  assert.equal(escaped.status, 403);
  assert.notEqual(
    token,
    /name="page-token" content="([^"]+)"/.exec((await call((await start(t)).url)).body)?.[1],
  );
});

test('show sends a strict content security policy, and forbids storing pages and API responses', async (t) => {
  const { url } = await start(t);
  const page = await call(url);
  const policy = String(page.headers['content-security-policy']);
  assert.match(
    policy,
    /^default-src 'none'; script-src 'self'; style-src 'self' 'nonce-[A-Za-z0-9+/=]{24}'; /,
  );
  assert.match(policy, /connect-src 'self'; .*frame-ancestors 'none'; base-uri 'none'; form-action 'none'$/);
  assert.doesNotMatch(policy, /unsafe|\*/);
  const nonce = /name="style-nonce" content="([^"]+)"/.exec(page.body)?.[1] ?? '';
  assert.ok(policy.includes(`'nonce-${nonce}'`));
  assert.doesNotMatch(page.body, /<script(?![^>]* src=)|style=| on[a-z]+=/);
  for (const path of ['', 'api/about', 'no/such/page', 'assets/no-such.js']) {
    const { headers } = await call(`${url}${path}`);
    assert.equal(headers['cache-control'], 'no-store', path);
    assert.equal(headers['x-content-type-options'], 'nosniff', path);
    assert.equal(headers['referrer-policy'], 'no-referrer', path);
    assert.match(String(headers['content-security-policy']), /^default-src 'none'/, path);
  }
  const [, script = ''] = /<script type="module" src="([^"]+)"/.exec(page.body) ?? [];
  const asset = await call(new URL(script, url).href, { headers: { 'accept-encoding': 'gzip, br' } });
  assert.deepEqual([asset.status, asset.headers['content-encoding']], [200, 'br']);
  assert.match(String(asset.headers['cache-control']), /immutable/);
});

test('show requires its password for every path', async (t) => {
  const { url } = await start(t, { password: new Secret('p:ässword') });
  const basic = (login: string) => ({ authorization: `Basic ${Buffer.from(login).toString('base64')}` });
  for (const path of ['', 'api/about', 'api/events', 'no/such/page', 'favicon.ico']) {
    const answer = await call(`${url}${path}`);
    assert.equal(answer.status, 401, path);
    assert.match(String(answer.headers['www-authenticate']), /^Basic realm=/);
  }
  for (const login of ['u:', ':', 'p:ässword', 'u:p:ässwor', 'u:p:ässword1'])
    assert.equal((await call(url, { headers: basic(login) })).status, 401, login);
  for (const login of ['u:p:ässword', ':p:ässword'])
    assert.equal((await call(url, { headers: basic(login) })).status, 200, login);
});

test('show returns 429 after ten wrong passwords, even for the correct password', async (t) => {
  const { url } = await start(t, { password: new Secret('right password') });
  const basic = (login: string) => ({ authorization: `Basic ${Buffer.from(login).toString('base64')}` });
  // A browser asks for the password after such a response, so these requests do not count.
  for (let time = 0; time < 12; time++) assert.equal((await call(url)).status, 401);
  for (let time = 0; time < 10; time++)
    assert.equal((await call(url, { headers: basic(`u:wrong ${time}`) })).status, 401);
  const answer = await call(`${url}api/about`, { headers: basic('u:right password') });
  assert.deepEqual([answer.status, answer.headers['retry-after']], [429, '60']);
  assert.equal(messageIn(answer.body), 'too many wrong passwords from this address');
});

test('show returns a JSON error for an invalid request', async (t) => {
  const { url } = await start(t);
  const missing = await call(`${url}api/nothing`);
  assert.deepEqual(JSON.parse(missing.body), {
    error: { message: 'the dashboard has no /api/nothing', remedy: 'open /' },
  });
  assert.equal((await call(`${url}api/about?${'x'.repeat(9_000)}`)).status, 414);
  const broken = await call(`${url}%E0%A4%A`);
  assert.equal(broken.status, 400);
  assert.ok(messageIn(broken.body).length > 0);
});

test('show refuses a public host without a long password, and a port that is in use', async (t) => {
  const settings = createSettings(t);
  const controller = new AbortController();
  const attempt = (show: Partial<Settings['show']>) =>
    startDashboard({ ...settings, show: { ...standard, ...show } }, controller.signal);
  await assert.rejects(attempt({ host: '0.0.0.0' }), (error) => {
    assert.ok(error instanceof ConfigError);
    assert.match(error.message, /^SHOW_HOST is 0\.0\.0\.0, .*set SHOW_PASSWORD or SHOW_PASSWORD_FILE$/);
    return true;
  });
  await assert.rejects(attempt({ host: '0.0.0.0', password: new Secret('elevenchars') }), (error) => {
    assert.ok(error instanceof ConfigError);
    assert.match(error.message, /^SHOW_PASSWORD must have at least 12 characters, /);
    return true;
  });
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const env = { ...environmentOf(settings), SHOW_PORT: String(port) };
  const { exitCode, stdout, stderr } = await runCommand(t, 'commands/show.ts', [], env);
  assert.equal(exitCode, 2);
  assert.equal(
    stderr,
    `SHOW_PORT is ${port}, which is in use: set a free port, or stop the other dashboard\n`,
  );
  assert.equal(stdout, '');
});

test('show sends the status from a single poller to two clients', async (t) => {
  const { baseUrl } = await createPlansServer(t);
  const settings = createSettings(t, baseUrl);
  await produceStreams(settings, 'plans');
  const { url } = await start(t, {}, settings);
  const [first, second] = [await openEvents(t, url), await openEvents(t, url)];
  const [one, other] = [(await first.next('status')) as Overview, (await second.next('status')) as Overview];
  assert.deepEqual(one, other);
  const plans = one.streams.find(({ stream }) => stream === 'plans');
  assert.equal(plans?.lastRun?.outcome, 'done');
  assert.ok((plans.messages ?? 0) > 0);
  assert.deepEqual([plans.rows, plans.hasProblem], [null, false]);
  assert.ok((one.lastRun?.requests ?? 0) > 0);
  assert.match(one.attention[0]?.remedy ?? '', /npm run sink/);
  const [, written = ''] = /name="overview" content="([^"]+)"/.exec((await call(url)).body) ?? [];
  const inPage = JSON.parse(written.replaceAll('&quot;', '"').replaceAll('&amp;', '&')) as Overview;
  assert.deepEqual(inPage.streams, one.streams);
});

test('requests for a stream that the latest status lacks share one read', async (t) => {
  let reads = 0;
  const registry = createHttpServer((_request, response) => {
    reads += 1;
    response.setHeader('content-type', 'application/json').end('[]');
  });
  await once(registry.listen(0, '127.0.0.1'), 'listening');
  t.after(() => registry.close());
  const settings = createSettings(t);
  const { port } = registry.address() as AddressInfo;
  const schemaRegistry = { ...settings.schemaRegistry, url: `http://127.0.0.1:${port}` };
  const { url } = await start(t, {}, { ...settings, schemaRegistry });
  const answers = await Promise.all(Array.from({ length: 12 }, () => call(`${url}api/streams/nothing`)));
  for (const { status, body } of answers) {
    assert.equal(status, 400);
    assert.equal(messageIn(body), 'there is no stream nothing');
  }
  // The poller also reads.
  assert.ok(reads < answers.length / 2, `${reads} reads`);
});

test('show prints its address, and stops on SIGTERM despite open event streams', async (t) => {
  const settings = createSettings(t);
  const free = String(await freePort());
  const command = startCommand(t, 'commands/show.ts', [], { ...environmentOf(settings), SHOW_PORT: free });
  const url = await command.printed(/http:\S+/);
  const client = await openEvents(t, url);
  await client.next('history');
  command.kill('SIGTERM');
  await client.ended;
  const { exitCode, stdout, stderr } = await command.result;
  assert.deepEqual([exitCode, stdout, stderr], [0, `http://127.0.0.1:${free}/\n`, '']);
});
