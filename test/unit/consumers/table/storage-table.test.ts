import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import test, { type TestContext } from 'node:test';
import fc from 'fast-check';
import { parseWriterSchema } from '../../../../consumers/schema/writer-schema.ts';
import type { WriterSchema } from '../../../../consumers/schema/writer-type.ts';
import { StorageTable } from '../../../../consumers/table/storage-table.ts';
import { createClickHouse, type ClickHouseClient } from '../../../../core/clickhouse/client.ts';
import { Database } from '../../../../core/clickhouse/database.ts';
import { steadyRetry } from '../../../../core/retry.ts';
import { loadSettings, type ClickHouseSettings } from '../../../../core/settings/config.ts';
import { IncompatibleSchemaError, ServiceRefusedError } from '../../../../core/errors.ts';
import { createApiServer } from '../../../helpers/api-server.ts';
import { FakeClickHouse, viewColumns } from '../../../helpers/fake-clickhouse.ts';
import { noSignal } from '../../../helpers/settings.ts';

const databaseOf = (client: ClickHouseClient, settings: ClickHouseSettings) =>
  new Database(client, settings, { signal: noSignal, policy: steadyRetry });

/** Returns the table of plans on a server that answers every query with `answer`. */
async function createTable(
  t: TestContext,
  answer: (query: URLSearchParams, response: ServerResponse) => void,
) {
  const { baseUrl } = await createApiServer(t, { '/': answer });
  const { clickhouse: settings } = loadSettings({ CLICKHOUSE_URL: baseUrl.replace('/v1', '') }, '');
  const client = createClickHouse(settings);
  t.after(() => client.close());
  return new StorageTable({ database: databaseOf(client, settings), stream: 'plans' });
}

const rows = () => ({ columns: [], rows: Buffer.from('row'), token: 'token', ranges: [] });
const exception = (code: number, name: string) => `Code: ${code}. DB::Exception: It says 4711. (${name})`;

test('an insert that the server rejects for a while is retried with the same token', async (t) => {
  const tokens: (string | null)[] = [];
  const table = await createTable(t, (query, response) => {
    tokens.push(query.get('insert_deduplication_token'));
    if (tokens.length > 1) response.end();
    else response.writeHead(500).end(exception(252, 'TOO_MANY_PARTS'));
  });
  assert.deepEqual(await table.insert(rows(), noSignal), { kind: 'inserted' });
  assert.deepEqual(tokens, ['token', 'token']);
});

test('an insert has limited retries if its error may be permanent, but not in an overload', async (t) => {
  for (const [code, name, said, isGivenUp] of [
    [241, 'MEMORY_LIMIT_EXCEEDED', 'Query memory limit exceeded', true],
    [159, 'TIMEOUT_EXCEEDED', 'Timeout exceeded', true],
    [241, 'MEMORY_LIMIT_EXCEEDED', '(total) memory limit exceeded', false],
    [
      252,
      'TOO_MANY_PARTS',
      'Too many parts (3000). Merges are processing significantly slower than inserts',
      false,
    ],
  ] as const) {
    let requests = 0;
    const { baseUrl } = await createApiServer(t, {
      '/': (_, response) => {
        if (++requests > 100) response.end();
        else response.writeHead(500).end(`Code: ${code}. DB::Exception: ${said}. (${name})`);
      },
    });
    const { clickhouse: settings } = loadSettings({ CLICKHOUSE_URL: baseUrl.replace('/v1', '') }, '');
    const client = createClickHouse(settings);
    t.after(() => client.close());
    const policy = { attempts: Infinity, firstDelayMs: 0, maxDelayMs: 0 };
    const database = new Database(client, settings, { signal: noSignal, policy });
    const table = new StorageTable({ database, stream: 'plans' });
    const inserted = table.insert(rows(), noSignal);
    if (!isGivenUp) assert.deepEqual(await inserted, { kind: 'inserted' });
    else await assert.rejects(inserted, /code \d+ .*Remedy: raise .*after 30 attempts$/);
    assert.equal(requests, isGivenUp ? 30 : 101, said);
  }
});

test('an insert is not retried after its partitions were revoked', async (t) => {
  let requests = 0;
  const generation = new AbortController();
  const table = await createTable(t, (_, response) => {
    requests++;
    generation.abort(new Error('given away'));
    response.writeHead(500).end(exception(252, 'TOO_MANY_PARTS'));
  });
  await assert.rejects(table.insert(rows(), generation.signal), /partitions were revoked/);
  assert.equal(requests, 1);
});

test('the reason for refused rows contains the error code and its name, but no row contents', async (t) => {
  const table = await createTable(t, (_, response) =>
    response.writeHead(500).end(exception(469, 'VIOLATED_CONSTRAINT')),
  );
  const outcome = await table.insert(rows(), noSignal);
  assert.deepEqual(outcome, { kind: 'refused', reason: 'code 469 (VIOLATED_CONSTRAINT)' });
});

test('an insert fails on an error that is neither transient nor caused by a row', async (t) => {
  const table = await createTable(t, (_, response) =>
    response.writeHead(500).end(exception(497, 'ACCESS_DENIED')),
  );
  await assert.rejects(table.insert(rows(), noSignal), ServiceRefusedError);
});

/** Answers every query with a table whose only column is its sorting key. */
function showsTable(_: URLSearchParams, response: ServerResponse): void {
  const answer = {
    create_table_query: 'CREATE TABLE x',
    engine_full: 'ReplacingMergeTree(_version, _deleted)',
    sorting_key: 'uuid',
    name: 'uuid',
    type: 'String',
    default_kind: '',
  };
  response.end(`${JSON.stringify(answer)}\n`);
}

test('cover rejects a schema while the server does not show all its columns', async (t) => {
  const table = await createTable(t, showsTable);
  await assert.rejects(
    table.cover(schemaOf({ uuid: 'string', name: 'string' })),
    (error) =>
      error instanceof IncompatibleSchemaError && /plans_raw still lacks the columns/.test(error.message),
  );
});

test('a schema without the sorting column is rejected, as all messages would share one row', async (t) => {
  const table = await createTable(t, showsTable);
  const text = JSON.stringify({ type: 'record', name: 'T', fields: [{ name: 'id', type: 'string' }] });
  for (const isOlder of [false, true]) {
    await assert.rejects(
      table.cover(parseWriterSchema(text, 'test'), isOlder),
      (error) =>
        error instanceof IncompatibleSchemaError && /plans_raw is sorted by uuid, which/.test(error.message),
    );
  }
});

function schemaOf(fields: Record<string, unknown>, name = 'T'): WriterSchema {
  const all = Object.entries(fields).map(([field, type]) => ({ name: field, type }));
  return parseWriterSchema(
    JSON.stringify({ type: 'record', name, primaryKey: ['uuid'], fields: all }),
    'test',
  );
}

const recordOf = (name: string, members: readonly string[]) => ({
  type: 'record',
  name,
  fields: members.map((member) => ({ name: member, type: ['null', 'long'] })),
});

const items = { type: 'array', items: ['null', recordOf('Item', ['uuid'])] };

/** The first and the later schema of each stream. */
const versions: Readonly<Record<string, readonly WriterSchema[]>> = {
  invoices: [
    schemaOf({ uuid: 'string', transactions: items }),
    schemaOf({ uuid: 'string', transactions: items, currency: 'string' }),
  ],
  transactions: [schemaOf({ uuid: 'string' }), schemaOf({ uuid: 'string', result: 'string' })],
};

function tableOn(server: FakeClickHouse, stream: string): StorageTable {
  const { clickhouse: settings } = loadSettings({}, '');
  const client = server as unknown as ClickHouseClient;
  return new StorageTable({ database: databaseOf(client, settings), stream, roundMs: 0 });
}

test('concurrent sinks leave current views, and a derived view only if no stream has its name', async () => {
  const sinks = fc.array(fc.constantFrom('invoices', 'transactions'), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), sinks, async (scheduler, streams) => {
      const server = new FakeClickHouse(scheduler);
      const done = streams.map(async (stream) => {
        const table = tableOn(server, stream);
        for (const schema of versions[stream] ?? []) await table.cover(schema);
      });
      await scheduler.waitFor(Promise.all(done));
      const shown = [...server.views].map(([name, sql]) => [name, sql.replace(/^.* AS SELECT /, '')]);
      const views = Object.fromEntries(shown) as Record<string, string>;
      if (streams.includes('invoices')) {
        assert.equal(
          views['invoices'],
          '`uuid`, `transactions`, `currency`, `_timestamp` AS `_changed_at` FROM `chartmogul`.`invoices_raw` FINAL',
        );
      }
      if (streams.includes('transactions')) {
        assert.equal(
          views['transactions'],
          '`uuid`, `result`, `_timestamp` AS `_changed_at` FROM `chartmogul`.`transactions_raw` FINAL',
        );
      } else
        assert.match(
          views['transactions'] ?? '',
          /FROM `chartmogul`.`invoices_raw` AS parent FINAL ARRAY JOIN/,
        );
    }),
    { numRuns: 60 },
  );
});

test('a view has the types of its table even if another sink changes them meanwhile', async () => {
  const server = new FakeClickHouse({ schedule: (task: Promise<unknown>) => task } as fc.Scheduler);
  const query = server.query.bind(server);
  let isChanged = false;
  server.query = async (request) => {
    const answer = await query(request);
    if (request.query.startsWith('DESCRIBE TABLE') && !isChanged) {
      isChanged = true;
      await tableOn(server, 'plans').cover(schemaOf({ uuid: 'string', seats: ['null', 'long'] }));
    }
    return answer;
  };
  await tableOn(server, 'plans').cover(schemaOf({ uuid: 'string', seats: 'long' }));
  const types = viewColumns(server.views.get('plans') ?? '').map(({ type }) => type);
  assert.deepEqual(types.slice(0, 2), ['String', 'Nullable(Int64)']);
});

test('columns and members survive any interleaving of changes by several sinks', async () => {
  const members = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 1 });
  const schemas = fc.array(fc.record({ members, field: fc.constantFrom('f', 'g', 'h') }), {
    minLength: 1,
    maxLength: 3,
  });
  const sinks = fc.array(schemas, { minLength: 2, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), sinks, async (scheduler, all) => {
      const server = new FakeClickHouse(scheduler);
      const [seen, lost] = [new Set<string>(), new Set<string>()];
      const namesNow = () =>
        [...(server.tables.get('plans_raw')?.columns ?? [])].flatMap(([column, type]) =>
          column === 'inner'
            ? [...type.matchAll(/[a-e](?=` | )/g)].map(([name]) => `inner.${name}`)
            : [column],
        );
      server.onAlter = () => {
        const now = new Set(namesNow());
        for (const name of seen) if (!now.has(name)) lost.add(name);
        for (const name of now) seen.add(name);
      };
      const done = all.map(async (versionsOfSink) => {
        const table = tableOn(server, 'plans');
        for (const { members: names, field } of versionsOfSink) {
          await table.cover(
            schemaOf({ uuid: 'string', inner: recordOf('Inner', names), [field]: ['null', 'long'] }),
          );
          const { columns } = table;
          assert.ok(columns.some(({ name }) => name === field));
        }
      });
      await scheduler.waitFor(Promise.all(done));
      assert.deepEqual([...lost], []);
      const now = namesNow();
      for (const { members: names, field } of all.flat()) {
        for (const name of names) assert.ok(now.includes(`inner.${name}`), `inner.${name} is missing`);
        assert.ok(now.includes(field));
      }
      const shown = viewColumns(server.views.get('plans') ?? '').map(({ name, type }) => [name, type]);
      const stored = [...(server.tables.get('plans_raw')?.columns ?? [])];
      assert.deepEqual(
        shown.filter(([name]) => name !== '_changed_at'),
        stored.filter(([name]) => !name.startsWith('_')),
      );
    }),
    { numRuns: 100 },
  );
});
