import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readStreamSchema } from '../../core/avro/schema-files.ts';
import { isJsonObject, jsonText, parseJson, type JsonObject, type JsonValue } from '../../core/json.ts';
import { streams } from '../../producers/chartmogul/streams.ts';
import { produceStreams, sinkStreams } from '../helpers/pipeline.ts';
import { createSettings } from '../helpers/settings.ts';
import { createSimulatorServer } from '../helpers/simulator.ts';
import { rowsOf } from '../helpers/table-rows.ts';

/**
 * The values that a record has and a row shows, by their path, in one form: instants as milliseconds, numbers as text,
 * free-form objects as JSON. Null, absent and empty all mean "nothing there" in ClickHouse's Tuples and Arrays.
 */
function valuesOf(value: JsonValue, path: string, into = new Map<string, string>()): Map<string, string> {
  if (value === null) return into;
  if (Array.isArray(value)) value.forEach((item, index) => valuesOf(item, `${path}[${index}]`, into));
  else if (isJsonObject(value) && !isFreeForm(path)) {
    for (const [key, member] of Object.entries(value)) {
      const name = key.replace(/[^A-Za-z0-9_]/g, '_').replace(/__v_double$/, '');
      valuesOf(member, path === '' ? name : `${path}.${name}`, into);
    }
  } else if (isFreeForm(path))
    into.set(path, jsonText(sorted(typeof value === 'string' ? parseJson(value) : value)));
  else if (typeof value === 'string' && isInstant(path)) into.set(path, String(instant(value)));
  else if (!(value === '' && isNumber(path))) into.set(path, String(value));
  return into;
}

const isFreeForm = (path: string) =>
  /(^|\.)(custom|stripe|clearbit|errors|edit_history_summary|overrides|historical_values|churn_when_zero_mrr)$|^auto_churn_subscription$/.test(
    path,
  );
const isInstant = (path: string) =>
  /(_at|^customer_since|(^|\.)date|_date|service_period_(start|end)|last_seen)$/.test(path);
const isNumber = (path: string) => /(quantity|_in_cents|event_order)$/.test(path);

function instant(value: string): number {
  const iso = value.replace(' ', 'T');
  return new Date(/T.*(Z|[+-]\d\d:\d\d)$/.test(iso) || !iso.includes('T') ? iso : `${iso}Z`).getTime();
}

function sorted(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([k, v]) => [k, sorted(v)]),
  );
}

test('every record of every stream is in ClickHouse, down to the value', async (t) => {
  const { simulator, baseUrl } = await createSimulatorServer(t, { customers: 400, seed: 7 });
  const settings = createSettings(t, baseUrl);
  const produced = await produceStreams(settings);
  const sunk = await sinkStreams(settings);
  assert.deepEqual([...produced, ...sunk].map(({ failure }) => failure).filter(Boolean), []);

  for (const { name } of streams) {
    await t.test(name, async () => {
      const { primaryKey } = readStreamSchema(name);
      const keyOf = (record: JsonObject) => primaryKey.map((part) => String(record[part])).join('|');
      const rows = new Map((await rowsOf(settings, `SELECT * FROM ${name}`)).map((row) => [keyOf(row), row]));
      let records = 0;
      for (const record of simulator.truth(name)) {
        records++;
        const row = rows.get(keyOf(record as JsonObject));
        assert.ok(row, `${name} ${keyOf(record as JsonObject)} is missing`);
        const wanted = Object.fromEntries(valuesOf(record as JsonObject, ''));
        // The producer asks for optional parts that the truth leaves out.
        const got = [...valuesOf(row, '')].filter(([path]) => path in wanted || !isExpansion(path));
        assert.deepEqual(Object.fromEntries(got), wanted);
      }
      assert.ok(records > 0);
      // Metrics are asked for from long before the account's first day up to the day of the test.
      if (name.startsWith('metrics_')) assert.ok(rows.size >= records);
      else assert.equal(rows.size, records);
    });
  }
});

const isExpansion = (path: string) =>
  /^(processing_status|auto_churn_subscription|invoice_handling_setting|churn_|refund_handling|proximate_)/.test(
    path,
  );

test('the views line_items, transactions and sources show what the invoices and data sources hold', async (t) => {
  const { simulator, baseUrl } = await createSimulatorServer(t, { customers: 60, seed: 3 });
  const settings = createSettings(t, baseUrl);
  await produceStreams(settings, 'invoices', 'data_sources');
  await sinkStreams(settings, 'invoices', 'data_sources');
  const invoices = [...simulator.truth('invoices')] as JsonObject[];
  for (const items of ['line_items', 'transactions']) {
    const wanted = invoices
      .flatMap((invoice) =>
        (invoice[items] as JsonObject[]).map((item) => `${String(invoice['uuid'])} ${String(item['uuid'])}`),
      )
      .sort();
    const rows = await rowsOf(settings, `SELECT invoice_uuid, uuid FROM ${items}`);
    assert.deepEqual(
      rows.map(({ invoice_uuid: invoice, uuid }) => `${String(invoice)} ${String(uuid)}`).sort(),
      wanted,
    );
  }
  const sources = await rowsOf(settings, 'SELECT uuid FROM sources ORDER BY uuid');
  assert.deepEqual(sources, await rowsOf(settings, 'SELECT uuid FROM data_sources ORDER BY uuid'));
});
