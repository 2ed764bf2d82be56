import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { ConfigError, ServiceUnavailableError } from '../../core/errors.ts';
import { createApiServer } from '../helpers/api-server.ts';
import { produceStreams, produceWith, sinkStreams } from '../helpers/pipeline.ts';
import { createSettings } from '../helpers/settings.ts';
import { createSimulatorServer } from '../helpers/simulator.ts';
import { rowsOf } from '../helpers/table-rows.ts';

test('produce retries truncated and failed responses until it has every record', async (t) => {
  // With this seed, the first hundred requests meet every fault except the one that takes a minute.
  const { simulator, baseUrl } = await createSimulatorServer(t, { customers: 300, seed: 271, faults: 0.25 });
  const settings = createSettings(t, baseUrl);
  const counts = await produceStreams(settings, 'customers', 'invoices', 'contacts');
  for (const { stream, failure, records, messages } of counts) {
    assert.equal(failure, undefined);
    assert.equal(messages, records);
    assert.equal(records, [...simulator.truth(stream)].length);
  }
  assert.ok(counts.reduce((sum, { retries }) => sum + retries, 0) > 0, 'no request met a fault');
});

test('a rejected API key stops every stream, and the error names CHARTMOGUL_API_KEY', async (t) => {
  const refusal = `{"code":401,"message":"No valid API key provided","param":null}`;
  const refuse = (_: URLSearchParams, response: ServerResponse) => response.writeHead(401).end(refusal);
  const { baseUrl, requests } = await createApiServer(t, { '/plans': refuse, '/customers': refuse });
  const counts = await produceStreams(createSettings(t, baseUrl), 'plans', 'customers');
  for (const { failure } of counts)
    assert.match(failure?.message ?? '', /rejected the key: .*CHARTMOGUL_API_KEY/);
  assert.ok(requests.length <= 2, 'a request was repeated');
});

test('an API key rejected in one stream stops the other streams before their last page', async (t) => {
  const pages = 100;
  let asked = 0;
  const { baseUrl } = await createApiServer(t, {
    '/customers': (_, response) => response.writeHead(401).end(),
    '/plans': (_, response) =>
      response.end(`{"plans":[],"has_more":${String(++asked < pages)},"cursor":"c${asked}"}`),
  });
  const counts = await produceStreams(createSettings(t, baseUrl), 'plans', 'customers');
  for (const { failure } of counts) assert.match(failure?.message ?? '', /CHARTMOGUL_API_KEY/);
  assert.ok(asked < pages, `${asked} pages were requested`);
});

test('a requested stream that the account lacks fails, and the other streams succeed', async (t) => {
  const { baseUrl } = await createApiServer(t, { '/plans': `{"plans":[{"uuid":"pl_1"}],"has_more":false}` });
  const settings = createSettings(t, baseUrl);
  const counts = await produceWith(settings, { asked: new Set(['plans', 'tasks']) }, 'plans', 'tasks');
  const failures = Object.fromEntries(counts.map(({ stream, failure }) => [stream, failure?.message]));
  assert.equal(failures['plans'], undefined);
  assert.match(failures['tasks'] ?? '', /\/tasks returned 404.*does not have this list/);
  await sinkStreams(settings, 'plans');
  assert.deepEqual(await rowsOf(settings, 'SELECT uuid FROM plans'), [{ uuid: 'pl_1' }]);
});

const strangeAnswers: readonly { answer: string; expected: RegExp }[] = [
  { answer: `{"a":[],"b":[]}`, expected: /several lists, with the keys a, b/ },
  { answer: `{"error":"x"}`, expected: /no list, with the keys error/ },
  { answer: `[]`, expected: /not an object/ },
  {
    answer: `{"plans":[{"uuid":"pl_1"}],"has_more":true,"cursor":"same"}`,
    expected: /page 2 points to a page that was already read/,
  },
  {
    answer: `{"plans":[{"uuid":"pl_1"}],"has_more":true}`,
    expected: /must have "has_more": false, or "has_more": true and a "cursor"/,
  },
];

for (const { answer, expected } of strangeAnswers) {
  test(`produce fails the stream and reports the reason for the response ${answer}`, async (t) => {
    const { baseUrl } = await createApiServer(t, { '/plans': answer });
    const [counts] = await produceStreams(createSettings(t, baseUrl), 'plans');
    assert.match(counts?.failure?.message ?? '', expected);
  });
}

test('an unavailable service is reported with its setting before any read or write', async (t) => {
  const { baseUrl, requests } = await createApiServer(t, {});
  const settings = createSettings(t, baseUrl);
  const downs = [
    {
      settings: { ...settings, kafka: { ...settings.kafka, brokers: ['127.0.0.1:1'] } },
      expected: /127\.0\.0\.1:1 \(KAFKA_BROKERS\)/,
    },
    {
      settings: { ...settings, schemaRegistry: { url: 'http://127.0.0.1:1', credentials: undefined } },
      expected: /SCHEMA_REGISTRY_URL/,
    },
  ];
  for (const { settings: down, expected } of downs) {
    await assert.rejects(
      produceStreams(down),
      (error) => error instanceof ServiceUnavailableError && expected.test(error.message),
    );
  }
  const keyless = { ...settings, chartmogul: { ...settings.chartmogul, apiKey: undefined } };
  await assert.rejects(produceStreams(keyless), ConfigError);
  const clickhouse = { ...settings.clickhouse, url: 'http://127.0.0.1:1' };
  await assert.rejects(sinkStreams({ ...settings, clickhouse }), /CLICKHOUSE_URL/);
  assert.deepEqual(requests, []);
});
