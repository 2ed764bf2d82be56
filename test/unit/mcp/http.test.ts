import assert from 'node:assert/strict';
import { request } from 'node:http';
import test, { type TestContext } from 'node:test';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ConfigError } from '../../../core/errors.ts';
import { loadSettings } from '../../../core/settings/config.ts';
import { serveHttp } from '../../../mcp/http.ts';
import { callTool } from '../../helpers/mcp.ts';

const TOKEN = 'a-token-of-the-test';

async function serve(t: TestContext, env: NodeJS.ProcessEnv = { MCP_TOKEN: TOKEN }) {
  const controller = new AbortController();
  const settings = loadSettings({ DATA_DIR: '/nowhere', ...env }, '');
  const server = await serveHttp(settings, 0, controller.signal);
  const stop = async () => {
    controller.abort();
    await server.stopped;
  };
  t.after(stop);
  return { ...server, settings, stop };
}

/** Sends one request, and returns its status and body. */
function send(url: string, method: string, headers: Readonly<Record<string, string>>, body = '{}') {
  return new Promise<{ status: number; text: string }>((resolve, reject) => {
    const sent = request(url, { method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.on('error', reject).end(method === 'GET' ? undefined : body);
  });
}

async function connect(t: TestContext, url: string, token: string): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' });
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers: { authorization: `Bearer ${token}` } },
  });
  await client.connect(transport);
  t.after(() => client.close());
  return client;
}

test('a client with the token can make several tool calls over HTTP at the same time', async (t) => {
  const { url, token } = await serve(t);
  assert.equal(token, undefined);
  const client = await connect(t, url, TOKEN);
  assert.equal((await client.listTools()).tools.length, 15);
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => callTool(client, 'explain_error', { error: 'ETL_CONFIG' })),
  );
  for (const { text } of answers) assert.match(text, /^ETL_CONFIG/);
});

test('the server generates a random token at each start if MCP_TOKEN is not set', async (t) => {
  const [one, two] = [await serve(t, {}), await serve(t, {})];
  assert.match(one.token ?? '', /^[\w-]{43}$/);
  assert.notEqual(one.token, two.token);
  assert.equal((await (await connect(t, one.url, one.token ?? '')).listTools()).tools.length, 15);
});

const json = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
const own = { ...json, authorization: `Bearer ${TOKEN}` };
for (const [name, method, headers, path, status] of [
  ['no token', 'POST', json, '/mcp', 401],
  ['a wrong token', 'POST', { ...json, authorization: `Bearer ${TOKEN}x` }, '/mcp', 401],
  ['a token as a password', 'POST', { ...json, authorization: `Basic ${TOKEN}` }, '/mcp', 401],
  ['a foreign origin', 'POST', { ...own, origin: 'https://evil.example' }, '/mcp', 403],
  ['a foreign host', 'POST', { ...own, host: 'evil.example:4042' }, '/mcp', 403],
  ['a cross-site fetch', 'POST', { ...own, 'sec-fetch-site': 'cross-site' }, '/mcp', 403],
  ['an unknown path', 'POST', own, '/', 404],
  ['the method GET', 'GET', own, '/mcp', 405],
  ['the method DELETE', 'DELETE', own, '/mcp', 405],
  ['a body that is not JSON', 'POST', { ...own, 'content-type': 'text/plain' }, '/mcp', 415],
] as const) {
  test(`a request with ${name} is refused with ${status}`, async (t) => {
    const { url } = await serve(t);
    const answer = await send(new URL(path, url).href, method, headers);
    assert.equal(answer.status, status, answer.text);
    assert.ok(!answer.text.includes(TOKEN));
  });
}

test('a request whose body is too long is refused', async (t) => {
  const { url } = await serve(t);
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'x', params: { x: 'x'.repeat(2 ** 20) } });
  assert.equal((await send(url, 'POST', own, body)).status, 413);
});

test('a port in use is reported with --port, and a stopped server releases its port', async (t) => {
  const { url, settings, stop } = await serve(t);
  const port = Number(new URL(url).port);
  const controller = new AbortController();
  await assert.rejects(serveHttp(settings, port, controller.signal), (error) => {
    assert.ok(error instanceof ConfigError);
    assert.match(error.message, new RegExp(`^--port is ${port}, which is in use: `));
    return true;
  });
  await stop();
  const again = await serveHttp(settings, port, controller.signal);
  controller.abort();
  await again.stopped;
});

test('an invalid MCP_TOKEN is rejected without being shown', () => {
  for (const token of ['short', 'with blanks in the middle'])
    assert.throws(
      () => loadSettings({ MCP_TOKEN: token }, ''),
      (error) =>
        error instanceof ConfigError &&
        error.message.startsWith('MCP_TOKEN must have 16 or more characters') &&
        !error.message.includes(token),
    );
});
