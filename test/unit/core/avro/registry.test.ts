import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'node:test';
import { Registry } from '../../../../core/avro/registry.ts';
import { readStreamSchema } from '../../../../core/avro/schema-files.ts';
import { ServiceRefusedError } from '../../../../core/errors.ts';
import { Secret } from '../../../../core/settings/secret.ts';
import { createApiServer } from '../../../helpers/api-server.ts';

test('the registry client caches a schema that it has read, but not a failure', async (t) => {
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

test('a registration without a response ends when the caller aborts', async (t) => {
  const stop = new AbortController();
  const { baseUrl } = await createApiServer(t, {
    '/subjects/s/versions': () => stop.abort(new Error('stopped')),
    '/config/s': () => stop.abort(new Error('stopped')),
  });
  const registry = new Registry({ url: baseUrl, credentials: undefined }, stop.signal);
  await assert.rejects(registry.register('s', readStreamSchema('plans')), /stopped/);
});

test('the client retries when the registry closes the connection during a registration', async (t) => {
  let asked = 0;
  const answer = (value: object) => (_: unknown, response: ServerResponse) => {
    if (asked++ === 0) response.destroy();
    else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };
  const { baseUrl } = await createApiServer(t, {
    '/config/s': answer({ compatibilityLevel: 'BACKWARD' }),
    '/subjects/s/versions': answer({ id: 7 }),
  });
  const registry = new Registry({ url: baseUrl, credentials: undefined }, new AbortController().signal);
  assert.equal(await registry.register('s', readStreamSchema('plans')), 7);
});

test('two processes can register the first schema of a subject at the same time', async (t) => {
  const json = { 'content-type': 'application/json' };
  // The client finds no compatibility rule, but another process sets one before the client does.
  // The second attempt finds that rule.
  const answers: [number, object][] = [
    [404, { error_code: 40408, message: 'not found' }],
    [409, { error_code: 40901, message: "A rule named 'COMPATIBILITY' already exists." }],
  ];
  const { baseUrl } = await createApiServer(t, {
    '/config/s': (_, response) => {
      const [status, body] = answers.shift() ?? [200, { compatibilityLevel: 'BACKWARD' }];
      response.writeHead(status, json).end(JSON.stringify(body));
    },
    '/subjects/s/versions': (_, response) => response.writeHead(200, json).end(JSON.stringify({ id: 7 })),
  });
  const registry = new Registry({ url: baseUrl, credentials: undefined }, new AbortController().signal);
  assert.equal(await registry.register('s', readStreamSchema('plans')), 7);
});

test('the client sends its credentials when it reads and registers schemas', async (t) => {
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

test('referencedTexts requests each schema once and names the subject of a missing schema', async (t) => {
  const versions: Record<string, { text: string; references: string[] }> = {
    a: { text: 'A', references: ['b', 'c'] },
    b: { text: 'B', references: ['c', 'a'] },
    c: { text: 'C', references: ['b'] },
    broken: { text: 'D', references: ['gone'] },
  };
  const referencesOf = (names: readonly string[]) =>
    names.map((name) => ({ name: `n.${name}`, subject: name, version: 1 }));
  const { baseUrl, requests } = await createApiServer(
    t,
    Object.fromEntries(
      Object.entries(versions).map(([name, { text, references }]) => [
        `/subjects/${name}/versions/1`,
        JSON.stringify({ id: 7, version: 1, schema: text, references: referencesOf(references) }),
      ]),
    ),
  );
  const registry = new Registry({ url: baseUrl, credentials: undefined }, new AbortController().signal);
  const schema = { id: 9, type: 'AVRO', text: 'top' };
  const texts = await registry.referencedTexts({ ...schema, references: referencesOf(['a', 'c']) });
  assert.deepEqual(
    { texts: [...texts].sort(), requests: requests.length },
    { texts: ['A', 'B', 'C'], requests: 3 },
  );
  assert.deepEqual(await registry.referencedTexts({ ...schema, references: referencesOf(['c']) }), [
    'A',
    'B',
    'C',
  ]);
  await assert.rejects(
    registry.referencedTexts({ ...schema, references: referencesOf(['broken']) }),
    /^IncompatibleSchemaError: schema 9 refers to version 1 of subject gone, which the registry does not return: register it again$/,
  );
});
