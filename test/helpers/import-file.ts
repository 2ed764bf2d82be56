import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { loadSettings, type Settings } from '../../core/settings/config.ts';
import type { Simulator } from '../../simulator/simulator.ts';

type Row = Readonly<Record<string, unknown>>;

/** Creates a private folder that is removed after the test. */
export function createFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'import-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Returns settings without services: only a key, an address, a folder and a high request rate. */
export function importSettings(baseUrl: string, dataDir: string): Settings {
  const env = { CHARTMOGUL_API_KEY: 'any-key', CHARTMOGUL_BASE_URL: baseUrl, DATA_DIR: dataDir };
  return loadSettings({ ...env, CHARTMOGUL_MAX_REQUESTS_PER_SECOND: '5000' }, '');
}

/** Returns the uuid of the data source that the Import API feeds. */
export function importSource(simulator: Simulator): string {
  const [, source] = simulator.truth('data_sources');
  return String(source?.['uuid']);
}

/** Returns five records: a customer, an invoice, its line item and transaction, and an event. */
export function recordsOf(customer: string): Row[] {
  const [invoice, subscription] = [`inv_${customer}`, `sub_${customer}`];
  const money = { plan_external_id: 'bulk_gold', amount_in_cents: 5000 };
  return [
    {
      object: 'customer',
      external_id: customer,
      name: `Customer ${customer}`,
      email: `${customer}@example.com`,
    },
    {
      object: 'invoice',
      external_id: invoice,
      customer_external_id: customer,
      date: '2023-04-02 21:37:00',
      currency: 'USD',
    },
    {
      object: 'line_item',
      external_id: `li_${customer}`,
      invoice_external_id: invoice,
      type: 'subscription',
      subscription_external_id: subscription,
      service_period_start: '2023-04-02',
      service_period_end: '2023-05-02',
      quantity: 1,
      ...money,
    },
    {
      object: 'transaction',
      external_id: `tr_${customer}`,
      invoice_external_id: invoice,
      type: 'payment',
      date: '2023-04-03',
      result: 'successful',
    },
    {
      object: 'subscription_event',
      external_id: `ev_${customer}`,
      customer_external_id: customer,
      event_type: 'subscription_start',
      event_date: '2023-04-02',
      effective_date: '2023-04-02',
      subscription_external_id: subscription,
      currency: 'USD',
      ...money,
    },
  ];
}

export const goldPlan: Row = {
  object: 'plan',
  external_id: 'bulk_gold',
  name: 'Gold',
  interval_count: 1,
  interval_unit: 'month',
};

/** Writes an NDJSON file and returns its path. */
export function writeRecords(folder: string, records: readonly Row[]): string {
  const path = join(folder, 'records.ndjson');
  writeFileSync(path, records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  return path;
}
