import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import test, { type TestContext } from 'node:test';
import fc from 'fast-check';
import { StorageTable } from '../../consumers/clickhouse/storage-table.ts';
import { readStreamSchema } from '../../core/avro/schema-files.ts';
import type { AvroType, StreamSchema } from '../../core/avro/schema.ts';
import { createClickHouse, type ClickHouseClient } from '../../core/clickhouse.ts';
import { loadSettings } from '../../core/config.ts';
import { IncompatibleSchemaError } from '../../core/errors.ts';
import { createApiServer } from '../helpers/api-server.ts';
import { noSignal } from '../helpers/settings.ts';

/** The table of plans on a server that answers every query alike. */
async function createTable(
  t: TestContext,
  answer: (query: URLSearchParams, response: ServerResponse) => void,
) {
  const { baseUrl } = await createApiServer(t, { '/': answer });
  const { clickhouse: settings } = loadSettings({ CLICKHOUSE_URL: baseUrl.replace('/v1', '') }, '');
  const client = createClickHouse(settings);
  t.after(() => client.close());
  return new StorageTable(client, settings, 'plans', new AbortController().signal);
}

test('an insert that the server puts off is tried again as the same block', async (t) => {
  const tokens: (string | null)[] = [];
  const table = await createTable(t, (query, response) => {
    tokens.push(query.get('insert_deduplication_token'));
    if (tokens.length > 1) response.end();
    else response.writeHead(500).end('Code: 252. DB::Exception: Too many parts. (TOO_MANY_PARTS)');
  });
  await table.insert([], Buffer.from('row'), 'token');
  assert.deepEqual(tokens, ['token', 'token']);
});

test('a schema is not taken for covered before the server shows its columns', async (t) => {
  const table = await createTable(t, (_, response) => response.end('{"name":"uuid","type":"String"}\n'));
  for (let tries = 0; tries < 2; tries++) {
    await assert.rejects(
      table.cover(1, readStreamSchema('plans')),
      (error) => error instanceof IncompatibleSchemaError && /plans_raw does not show/.test(error.message),
    );
  }
});

function schemaOf(fields: Record<string, AvroType>): StreamSchema {
  const all = Object.entries(fields).map(([name, type]) => ({ name, type }));
  return { type: 'record', name: 'T', primaryKey: ['uuid'], fields: all };
}

const items = { type: 'array', items: ['null', { ...schemaOf({ uuid: 'string' }), name: 'Item' }] } as const;

/** What each stream's schema is at first and what it becomes. */
const versions: Readonly<Record<string, readonly StreamSchema[]>> = {
  invoices: [
    schemaOf({ uuid: 'string', transactions: items }),
    schemaOf({ uuid: 'string', transactions: items, currency: 'string' }),
  ],
  transactions: [schemaOf({ uuid: 'string' }), schemaOf({ uuid: 'string', result: 'string' })],
};

/** A server that knows tables and views by their text, and takes its time to get a request and to answer it. */
class FakeClickHouse {
  readonly views = new Map<string, string>();
  readonly #tables = new Map<string, Map<string, string>>();
  readonly #scheduler: fc.Scheduler;

  constructor(scheduler: fc.Scheduler) {
    this.#scheduler = scheduler;
  }

  async query() {
    const rows = await this.#onTheWay(() =>
      [...this.#tables].flatMap(([table, columns]) =>
        [...columns].map(([name, type]) => ({ table, name, type })),
      ),
    );
    return { json: () => Promise.resolve(rows) };
  }

  command({ query }: { query: string }): Promise<void> {
    return this.#onTheWay(() => {
      const [, action, name = ''] =
        /^(CREATE TABLE|ALTER TABLE|CREATE OR REPLACE VIEW).*? `\w+`\.`(\w+)`/.exec(query) ?? [];
      if (action === 'CREATE OR REPLACE VIEW') this.views.set(name, query);
      else {
        const columns = this.#tables.get(name) ?? new Map<string, string>();
        this.#tables.set(name, columns);
        for (const [, column = '', type = ''] of query.matchAll(/(?:^ {2}|EXISTS )`(\w+)` (.+?),?$/gm))
          columns.set(column, type);
      }
    });
  }

  async #onTheWay<T>(effect: () => T): Promise<T> {
    await this.#scheduler.schedule(Promise.resolve());
    const result = effect();
    await this.#scheduler.schedule(Promise.resolve());
    return result;
  }
}

test('whoever makes the views last, they show the tables as they are, and transactions of its own if there are any', async () => {
  const { clickhouse: settings } = loadSettings({}, '');
  const sinks = fc.array(fc.constantFrom('invoices', 'transactions'), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), sinks, async (scheduler, streams) => {
      const server = new FakeClickHouse(scheduler);
      const client = server as unknown as ClickHouseClient;
      const done = streams.map(async (stream) => {
        const table = new StorageTable(client, settings, stream, noSignal);
        for (const [id, schema] of (versions[stream] ?? []).entries()) await table.cover(id, schema);
      });
      await scheduler.waitFor(Promise.all(done));
      const shown = [...server.views].map(([name, sql]) => [name, sql.replace(/^.* AS SELECT /, '')]);
      const views = Object.fromEntries(shown) as Record<string, string>;
      if (streams.includes('invoices')) {
        assert.equal(
          views['invoices'],
          '`uuid`, `transactions`, `currency` FROM `chartmogul`.`invoices_raw` FINAL',
        );
      }
      if (streams.includes('transactions')) {
        assert.equal(views['transactions'], '`uuid`, `result` FROM `chartmogul`.`transactions_raw` FINAL');
      } else assert.match(views['transactions'] ?? '', /FROM `chartmogul`.`invoices` AS parent ARRAY JOIN/);
    }),
  );
});
