import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { isJsonObject, parseJson, type JsonObject } from '../../core/json.ts';
import type { Simulator } from '../../simulator/simulator.ts';
import { createApiServer } from '../helpers/api-server.ts';
import { runShell } from '../helpers/command.ts';
import { produceStreams, sinkStreams } from '../helpers/pipeline.ts';
import { assertSameRows } from '../helpers/same-rows.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';
import { createSimulatorServer } from '../helpers/simulator.ts';
import { rowsOf } from '../helpers/table-rows.ts';

const readme = readFileSync(new URL('../../examples/add-a-stream/README.md', import.meta.url), 'utf8');

/** Returns the records of the stream as the API shows them, each with the uuid of its customer. */
function truthOf(simulator: Simulator): JsonObject[] {
  const authorization = `Basic ${Buffer.from('key:').toString('base64')}`;
  return ([...simulator.truth('customers')] as JsonObject[]).flatMap(({ uuid }) => {
    const url = `/v1/import/customers/${String(uuid)}/subscriptions`;
    const { body } = simulator.answer({ method: 'GET', url, authorization });
    assert.ok(typeof body === 'string');
    const answer = parseJson(body);
    assert.ok(isJsonObject(answer) && answer['has_more'] === false);
    const records = answer['subscriptions'] as JsonObject[];
    return records.map((record) => ({ ...record, customer_uuid: uuid ?? null }));
  });
}

test('the commands in the example fill a table with every record of the added stream', async (t) => {
  const commands = /^```sh\n(.*?)^```$/ms.exec(readme)?.[1] ?? '';
  assert.match(commands, /npm run produce.*npm run sink.*npm run query/s);
  const { simulator, baseUrl } = await createSimulatorServer(t, { customers: 60, seed: 8 });
  const settings = createSettings(t, baseUrl);
  const result = await runShell(t, `set -e\n${commands}`, environmentOf(settings));
  assert.equal(result.exitCode, 0, result.stderr);
  const records = truthOf(simulator);
  assert.match(result.stdout, new RegExp(`^imported_subscriptions .* ${records.length} `, 'm'));
  assert.match(result.stdout, /cus_[0-9a-f-]{36}/, 'the query shows no customer');

  assert.ok(records.some(({ cancellation_dates: dates }) => Array.isArray(dates) && dates.length > 0));
  assertSameRows(await rowsOf(settings, 'SELECT * FROM imported_subscriptions'), records, ['uuid']);
});

test('an added stream infers its field types from the first pages and gains new fields later', async (t) => {
  const record = (id: number, more: string) =>
    `{"id":${id},"issued-at":"2025-11-0${id}T10:00:00-05:00","due":"2025-12-0${id}","total":${id}00,"rate":${id}.5,"paid":true,"note":null,"tags":["a"]${more}}`;
  const third = record(3, ',"colour":"red","due":"soon"');
  const pages = new Map([
    [null, `{"rows":[${record(1, '')},${record(2, ',"note":"second"')}],"has_more":true,"cursor":"c2"}`],
    ['c2', `{"rows":[${third}],"has_more":false}`],
  ]);
  const { baseUrl, requests } = await createApiServer(t, {
    '/credit_notes': (query, response) => response.end(pages.get(query.get('cursor'))),
  });
  const standard = createSettings(t, baseUrl);
  const customStreams = [
    {
      name: 'credit_notes',
      path: '/credit_notes',
      listKey: 'rows',
      primaryKey: ['id'],
      query: { validation_type: 'all' },
    },
  ];
  const settings = { ...standard, produce: { ...standard.produce, customStreams } };
  const run = async () => {
    const [counts] = await produceStreams(settings, 'credit_notes');
    assert.equal(counts?.failure, undefined);
    return counts;
  };
  assert.equal((await run())?.messages, 3);
  assert.ok(requests.every((path) => path.startsWith('/credit_notes?validation_type=all&')));
  const again = await run();
  assert.deepEqual({ messages: again?.messages, unchanged: again?.unchanged }, { messages: 0, unchanged: 3 });

  pages.set('c2', `{"rows":[${third},${record(4, ',"colour":"blue","new":1')}],"has_more":false}`);
  const later = await run();
  assert.deepEqual(
    { messages: later?.messages, newFields: later?.newFields },
    { messages: 1, newFields: [{ field: 'new', type: 'long' }] },
  );
  await sinkStreams(settings, 'credit_notes');
  const types = await rowsOf(
    settings,
    `SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = 'credit_notes' AND name != '_changed_at' ORDER BY name`,
  );
  assert.deepEqual(Object.fromEntries(types.map(({ name, type }) => [name, type])), {
    id: 'Int64',
    issued_at: "Nullable(DateTime64(3, 'UTC'))",
    due: 'Nullable(String)',
    total: 'Nullable(Int64)',
    rate: 'Nullable(Float64)',
    paid: 'Nullable(Bool)',
    note: 'Nullable(String)',
    tags: 'Nullable(String)',
    colour: 'Nullable(String)',
    new: 'Nullable(Int64)',
  });
  const query = 'SELECT id, issued_at, total, rate, paid, tags, colour, new FROM credit_notes WHERE id = 4';
  assert.deepEqual(await rowsOf(settings, query), [
    {
      id: 4,
      issued_at: '2025-11-04 15:00:00.000',
      total: 400,
      rate: 4.5,
      paid: true,
      tags: '["a"]',
      colour: 'blue',
      new: 1,
    },
  ]);
});
