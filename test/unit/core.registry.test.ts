import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'node:test';
import { Registry } from '../../core/avro/registry.ts';
import { readStreamSchema } from '../../core/avro/schema-files.ts';
import { ServiceRefusedError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import { createApiServer } from '../helpers/api-server.ts';

test('the schema of an id is asked for once, and again after a failure', async (t) => {
  const schema = readStreamSchema('plans');
  let isRight = false;
  const { baseUrl, requests } = await createApiServer(t, {
    '/schemas/ids/1': (_, response) =>
      response.writeHead(isRight ? 200 : 401).end(JSON.stringify({ schema: JSON.stringify(schema) })),
  });
  const registry = new Registry({ url: baseUrl, credentials: undefined }, new AbortController().signal);
  await assert.rejects(registry.schemaById(1), ServiceRefusedError);
  isRight = true;
  assert.deepEqual(await registry.schemaById(1), schema);
  assert.deepEqual(await registry.schemaById(1), schema);
  assert.equal(requests.length, 2);
});

test('a registry that takes a schema and never answers holds nobody up who is told to stop', async (t) => {
  const stop = new AbortController();
  const { baseUrl } = await createApiServer(t, {
    '/subjects/s/versions': () => stop.abort(new Error('stopped')),
    '/config/s': () => stop.abort(new Error('stopped')),
  });
  const registry = new Registry({ url: baseUrl, credentials: undefined }, stop.signal);
  await assert.rejects(registry.register('s', readStreamSchema('plans')), /stopped/);
});

test('the registry is told who asks, when reading and when registering', async (t) => {
  const asked: (string | undefined)[] = [];
  const server = createServer(({ headers }, response) => {
    asked.push(headers.authorization);
    response.writeHead(401).end('{}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const credentials = { username: 'ann', password: new Secret('s3cret') };
  const registry = new Registry({ url, credentials }, new AbortController().signal);
  await assert.rejects(registry.latest('s'), /SCHEMA_REGISTRY_PASSWORD/);
  await assert.rejects(registry.register('s', readStreamSchema('plans')), /SCHEMA_REGISTRY_PASSWORD/);
  assert.ok(asked.length >= 2);
  for (const header of asked) assert.equal(header, `Basic ${Buffer.from('ann:s3cret').toString('base64')}`);
});
