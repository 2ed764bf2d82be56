import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test, type TestContext } from 'node:test';
import { NotAnEventError, ServiceUnavailableError } from '../../../../core/errors.ts';
import { Secret } from '../../../../core/settings/secret.ts';
import { Receiver, type StoreEvent } from '../../../../producers/webhook/receiver.ts';
import '../../../helpers/settings.ts';
import { waitFor } from '../../../helpers/wait-for.ts';

const TOKEN = 'a-token-that-nobody-guesses';

type Limits = ConstructorParameters<typeof Receiver>[1];

async function createReceiver(t: TestContext, store: StoreEvent | undefined, limits: Limits = {}) {
  const receiver = new Receiver(new Secret(TOKEN), { commitMs: 60_000, ...limits });
  receiver.storeEvent = store;
  const port = await receiver.listen('127.0.0.1', 0);
  t.after(() => receiver.close());
  const origin = `http://127.0.0.1:${port}`;
  const send = (path: string, init: RequestInit = {}) =>
    fetch(`${origin}${path}`, { method: 'POST', body: '{}', ...init });
  return { receiver, port, send, url: `/chartmogul/${TOKEN}` };
}

const stored: StoreEvent = () => Promise.resolve(undefined);

test('the receiver returns 200 after the event is stored, and passes on the exact body', async (t) => {
  const bodies: string[] = [];
  const { send, url } = await createReceiver(t, async (body) => {
    await Promise.resolve();
    bodies.push(body.toString());
    return undefined;
  });
  const types = ['application/json', 'application/json; charset=utf-8', 'text/plain', 'foo', ''];
  for (const type of types) {
    const response = await send(url, { body: `{"a": "${type}"}`, headers: { 'content-type': type } });
    assert.equal(response.status, 200, type);
  }
  assert.deepEqual(
    bodies,
    types.map((type) => `{"a": "${type}"}`),
  );
});

test('the receiver returns 422 for a dead letter, and 503 while a service is unavailable', async (t) => {
  let answer: () => ReturnType<StoreEvent> = () => Promise.resolve(new NotAnEventError('no event'));
  const { receiver, send, url } = await createReceiver(t, () => answer());
  assert.equal((await send(url)).status, 422);
  answer = () => Promise.reject(new ServiceUnavailableError('Kafka is away'));
  const away = await send(url);
  assert.deepEqual([away.status, away.headers.get('retry-after')], [503, '5']);
  assert.doesNotMatch(await away.text(), /Kafka is away/);
  receiver.storeEvent = undefined;
  assert.equal((await send(url)).status, 503);
  assert.match(receiver.health.unready() ?? '', /Kafka or the registry has not responded yet/);
  receiver.storeEvent = stored;
  assert.equal(receiver.health.unready(), undefined);
});

test('the receiver returns the same 404 for every other path, without reading the body', async (t) => {
  const { send, url, port } = await createReceiver(t, () => assert.fail('nothing may be stored'));
  const paths = [
    '/',
    '/chartmogul',
    '/chartmogul/',
    `${url}x`,
    url.slice(0, -1),
    `${url}/`,
    '/chartmogul/%zz',
    '/healthz',
    '/readyz',
    '/metrics',
  ];
  const answers = new Set<string>();
  for (const path of [...paths, `/chartmogul/${'x'.repeat(5_000)}`, url.toUpperCase()])
    for (const method of ['POST', 'PUT']) {
      const response = await send(path, { method });
      answers.add(`${response.status} ${await response.text()}`);
    }
  assert.deepEqual([...answers], ['404 {"error":"not found"}']);
  const socket = connect(port, '127.0.0.1');
  socket.write('POST /chartmogul/wrong HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n');
  const [data] = (await once(socket, 'data')) as [Buffer];
  assert.match(data.toString(), /^HTTP\/1\.1 404/);
  socket.destroy();
});

test('the receiver accepts only POST at its path', async (t) => {
  const { send, url } = await createReceiver(t, () => assert.fail('nothing may be stored'));
  for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS']) {
    const response = await send(url, { method, body: null });
    assert.deepEqual([response.status, response.headers.get('allow')], [405, 'POST'], method);
  }
});

test('the receiver accepts a body of 1 MiB, and returns 413 for one byte more', async (t) => {
  const lengths: number[] = [];
  const { send, url, receiver } = await createReceiver(t, async (body) => {
    await Promise.resolve(lengths.push(body.length));
    return undefined;
  });
  const chunked = (bytes: number) => ({
    body: new Blob([Buffer.alloc(bytes)]).stream(),
    duplex: 'half' as const,
  });
  const limit = 1024 * 1024;
  assert.equal((await send(url, { body: Buffer.alloc(limit) })).status, 200);
  assert.equal((await send(url, { body: Buffer.alloc(limit + 1) })).status, 413);
  assert.equal((await send(url, chunked(limit + 1) as RequestInit)).status, 413);
  assert.deepEqual(lengths, [limit]);
  await waitFor('the end of all requests', async () =>
    /waiting 0/.test(await receiver.metrics.registry.metrics()),
  );
});

test('the receiver limits pending requests and accepts new requests after some have ended', async (t) => {
  const { promise: released, resolve: release } = promiseWithResolvers();
  const store = () => released.then(() => undefined);
  const { send, url, receiver } = await createReceiver(t, store, { heldRequests: 3 });
  const held = Array.from({ length: 3 }, () => send(url));
  await waitFor('3 requests', async () => /waiting 3/.test(await receiver.metrics.registry.metrics()));
  assert.equal((await send(url)).status, 503);
  release();
  const statuses = await Promise.all(held.map(async (response) => (await response).status));
  assert.deepEqual(statuses, [200, 200, 200]);
  await waitFor('the end of all requests', async () =>
    /waiting 0/.test(await receiver.metrics.registry.metrics()),
  );
  assert.equal((await send(url)).status, 200);
});

test('the receiver limits the bytes of pending requests, whether they are declared or not', async (t) => {
  const { promise: released, resolve: release } = promiseWithResolvers();
  const store = () => released.then(() => undefined);
  const { send, url, receiver } = await createReceiver(t, store, { heldBytes: 10 });
  const held = send(url, { body: '12345678' });
  await waitFor('a request', async () => /waiting 1/.test(await receiver.metrics.registry.metrics()));
  assert.equal((await send(url, { body: '123' })).status, 503);
  const undeclared = { body: new Blob(['1']).stream(), duplex: 'half' } as RequestInit;
  assert.equal((await send(url, undeclared)).status, 503);
  release();
  assert.equal((await held).status, 200);
});

test('the receiver returns 503 if Kafka is slow, but counts the request until Kafka responds', async (t) => {
  const { promise: released, resolve: release } = promiseWithResolvers();
  const { send, url, receiver } = await createReceiver(t, () => released.then(() => undefined), {
    commitMs: 50,
  });
  assert.equal((await send(url)).status, 503);
  assert.match(await receiver.metrics.registry.metrics(), /waiting 1/);
  release();
  await waitFor('the end of all requests', async () =>
    /waiting 0/.test(await receiver.metrics.registry.metrics()),
  );
});

test('the receiver releases the request of a client that disconnects before sending its body', async (t) => {
  const { url, port, receiver } = await createReceiver(t, () => assert.fail('nothing may be stored'));
  const socket = connect(port, '127.0.0.1');
  socket.write(`POST ${url} HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{"type"`);
  await waitFor('the request', async () => /waiting 1/.test(await receiver.metrics.registry.metrics()));
  socket.destroy();
  await waitFor('the end of all requests', async () =>
    /waiting 0/.test(await receiver.metrics.registry.metrics()),
  );
});

test('a closing receiver responds to the requests it has accepted, and to no others', async (t) => {
  const { promise: released, resolve: release } = promiseWithResolvers();
  const { send, url, receiver } = await createReceiver(t, () => released.then(() => undefined));
  const accepted = send(url);
  await waitFor('the request', async () => /waiting 1/.test(await receiver.metrics.registry.metrics()));
  const closed = receiver.close();
  await assert.rejects(send(url));
  release();
  const response = await accepted;
  assert.deepEqual([response.status, response.headers.get('connection')], [200, 'close']);
  await closed;
});

for (const [part, limits] of [
  ['headers', { headersMs: 100 }],
  ['body', { headersMs: 100, requestMs: 100 }],
] as const)
  test(`the receiver ends a connection if its ${part} did not arrive in time`, async (t) => {
    const { url, port } = await createReceiver(t, stored, limits);
    const socket = connect(port, '127.0.0.1');
    socket.write(`POST ${url} HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n${part === 'body' ? '\r\n{' : ''}`);
    socket.resume();
    await once(socket, 'close', { signal: AbortSignal.timeout(60_000) });
  });

function promiseWithResolvers() {
  let resolve: () => void = () => {};
  const promise = new Promise<void>((onResolved) => (resolve = onResolved));
  return { promise, resolve };
}
