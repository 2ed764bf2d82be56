import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test from 'node:test';
import { Registry } from '../../core/avro/registry.ts';
import { topicOf } from '../../core/stream-name.ts';
import { gatherStatus } from '../../operations/status/gather-status.ts';
import { produceStreams, sinkStreams } from '../helpers/pipeline.ts';
import { assertReconciled } from '../helpers/reconciled.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';
import { createSimulatorServer } from '../helpers/simulator.ts';

const record = (name: string, fields: readonly object[]) => ({
  type: 'record',
  name,
  namespace: 'shop',
  fields,
});

test('subjects and references of other programs in the registry do not affect the pipeline', async (t) => {
  const { baseUrl } = await createSimulatorServer(t, { customers: 10 });
  const settings = createSettings(t, baseUrl);
  const { url } = settings.schemaRegistry;
  const other = `shop_${randomUUID().slice(0, 8)}`;
  const send = async (method: string, path: string, body?: object) => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(60_000),
    });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text) as unknown;
  };
  const registered: string[] = [];
  const register = (subject: string, schema: object | string, more: object = {}) => {
    registered.push(subject);
    return send('POST', `/subjects/${encodeURIComponent(subject)}/versions`, {
      schema: typeof schema === 'string' ? schema : JSON.stringify(schema),
      ...more,
    });
  };

  const money = record('Money', [{ name: 'cents', type: 'long' }]);
  await register(`${other}-money`, money);
  const reference = { name: 'shop.Money', subject: `${other}-money`, version: 1 };
  const order = record('Order', [{ name: 'total', type: 'shop.Money' }]);
  await register(`${other}-value`, order, { references: [reference] });
  await register(`${other}-key`, '"string"');
  await register(
    `${other}.json-value`,
    { $schema: 'http://json-schema.org/draft-07/schema#', type: 'object' },
    { schemaType: 'JSON' },
  );
  await register(`${other}.proto-value`, 'syntax = "proto3"; message A { string b = 1; }', {
    schemaType: 'PROTOBUF',
  });
  // Subjects next to our own: the key of our topic, and a topic whose name begins like ours.
  const topic = topicOf(settings.topicPrefix, 'customers');
  await register(`${topic}-key`, '"string"');
  await register(`${topic}_archive-value`, order, { references: [reference] });

  for (const pass of ['first', 'second']) {
    for (const { failure } of await produceStreams(settings, 'customers', 'plans'))
      assert.equal(failure, undefined, pass);
    for (const { failure, deadLetters } of await sinkStreams(settings, 'customers', 'plans'))
      assert.deepEqual({ failure, deadLetters }, { failure: undefined, deadLetters: 0 }, pass);
  }
  await assertReconciled(settings, ['customers', 'plans']);
  const status = await gatherStatus(settings, ['customers', 'plans'], noSignal);
  assert.deepEqual(status.failures, []);

  const registry = new Registry(settings.schemaRegistry, noSignal);
  assert.notEqual(await registry.latestText(`${topic}-value`), undefined);
  for (const subject of registered) assert.equal((await registry.texts(subject)).length, 1, subject);
  assert.equal((await registry.latestText(`${other}-value`))?.references.length, 1);
});
