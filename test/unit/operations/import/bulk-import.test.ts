import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { BulkImport } from '../../../../operations/import/bulk-import.ts';
import { faultLines } from '../../../../operations/import/faults.ts';
import { ImportProgress } from '../../../../operations/import/import-progress.ts';
import type { SimulatorOptions } from '../../../../simulator/options.ts';
import type { Simulator } from '../../../../simulator/simulator.ts';
import {
  createFolder,
  goldPlan,
  importSettings,
  importSource,
  recordsOf,
  writeRecords,
} from '../../../helpers/import-file.ts';
import { createSimulatorServer } from '../../../helpers/simulator.ts';

type Row = Readonly<Record<string, unknown>>;

const noSignal = new AbortController().signal;

interface Account {
  readonly simulator: Simulator;
  readonly baseUrl: string;
  readonly dataDir: string;
  /** Writes the records to a file and opens their import, which is closed when the test ends. */
  open(records: readonly Row[], signal?: AbortSignal): BulkImport;
}

async function start(t: TestContext, options: Partial<SimulatorOptions> = {}): Promise<Account> {
  const { simulator, baseUrl } = await createSimulatorServer(t, { customers: 20, ...options });
  const dataDir = createFolder(t);
  const settings = importSettings(baseUrl, dataDir);
  return {
    simulator,
    baseUrl,
    dataDir,
    open(records, signal = noSignal) {
      const path = writeRecords(dataDir, records);
      const bulk = new BulkImport(
        settings,
        { dataSource: importSource(simulator), path },
        new ImportProgress(),
        signal,
      );
      t.after(() => bulk.close());
      return bulk;
    },
  };
}

const file = [goldPlan, ...recordsOf('bulk_1'), ...recordsOf('bulk_2')];

/** Returns how many records were applied once, twice and so on. */
function timesApplied({ simulator }: Account): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const times of simulator.imports.applied.values()) counts[times] = (counts[times] ?? 0) + 1;
  return counts;
}

test('an import sends plans first, applies every record once and verifies the result', async (t) => {
  const account = await start(t);
  const bulk = account.open(file);
  const { faults, plan, dataSource } = await bulk.prepare();
  assert.deepEqual(faultLines(faults), []);
  assert.equal(dataSource.name, 'Billing API');
  assert.deepEqual(
    plan.batches.map(({ records, customers }) => ({ records, customers })),
    [
      { records: 1, customers: 0 },
      { records: 10, customers: 2 },
    ],
  );
  assert.equal(account.simulator.imports.accepted, 0, 'a request was sent before send was called');
  const report = await bulk.send();
  assert.equal(report.failures.count, 0);
  assert.deepEqual(timesApplied(account), { 1: 11 });
  const { compared, differences } = await bulk.verify();
  assert.deepEqual({ compared, differences: faultLines(differences) }, { compared: 11, differences: [] });
  const lines = readFileSync(report.path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Row);
  assert.deepEqual(lines[1], { line: 2, object: 'customer', external_id: 'bulk_1', status: 'imported' });
  assert.equal(lines.length, 11);
});

test('a second run of the same file sends nothing, and a changed file starts another import', async (t) => {
  const account = await start(t);
  const first = account.open(file);
  await first.prepare();
  await first.send();
  first.finish();
  await first.close();
  const second = account.open(file);
  const { ended, plan } = await second.prepare();
  assert.equal(ended, plan.batches.length);
  assert.equal((await second.send()).failures.count, 0);
  assert.deepEqual(faultLines((await second.verify()).differences), []);
  await second.close();
  assert.equal(account.simulator.imports.accepted, 2);
  const changed = account.open([...file, ...recordsOf('bulk_3')]);
  assert.equal((await changed.prepare()).ended, 0);
  assert.equal((await changed.send()).failures.count, 0);
  assert.equal(
    account.simulator.imports.accepted,
    3,
    'the identical request for the plan must not be sent again',
  );
});

test('a request from an earlier process is found by its external id if the journal is lost', async (t) => {
  const account = await start(t);
  const first = account.open(file);
  await first.prepare();
  await first.send();
  const other = { ...account, dataDir: createFolder(t) };
  await first.close();
  const path = writeRecords(other.dataDir, file);
  const settings = importSettings(account.baseUrl, other.dataDir);
  const options = { dataSource: importSource(account.simulator), path };
  const second = new BulkImport(settings, options, new ImportProgress(), noSignal);
  t.after(() => second.close());
  assert.equal((await second.prepare()).ended, 0);
  assert.equal((await second.send()).failures.count, 0);
  assert.deepEqual(timesApplied(account), { 1: 11 });
  assert.equal(account.simulator.imports.repeated, 0);
});

test('prepare reports missing references, missing values and repeated ids with their lines', async (t) => {
  const account = await start(t);
  const [customer, invoice, item, transaction, event] = recordsOf('bulk_1');
  const bulk = account.open([
    goldPlan,
    { ...invoice, customer_external_id: 'nobody' },
    { ...item, plan_external_id: 'no_plan' },
    { ...transaction, invoice_external_id: 'no_invoice' },
    { ...event, customer_external_id: 'nobody' },
    { ...customer, name: null },
    { ...event, external_id: 'ev_2' },
    goldPlan,
  ]);
  const { faults } = await bulk.prepare();
  const of = 'in the file or the data source';
  assert.deepEqual(faultLines(faults), [
    `line 2, invoice, customer_external_id: does not match a customer ${of}`,
    `line 3, line_item, plan_external_id: does not match a plan ${of}`,
    'line 4, transaction, invoice_external_id: does not match an invoice in the file',
    `line 5, subscription_event, customer_external_id: does not match a customer ${of}`,
    'line 6, customer, name: is missing',
    'line 8, plan, external_id: is the same as in line 1',
  ]);
});

test('prepare accepts references to customers and plans in the data source', async (t) => {
  const account = await start(t, { customers: 200 });
  const source = importSource(account.simulator);
  const known = [...account.simulator.truth('customers')].find((row) => row['data_source_uuid'] === source);
  const plan = [...account.simulator.truth('plans')].find((row) => row['data_source_uuid'] === source);
  const customer = String(known?.['external_id']);
  const [, invoice, item] = recordsOf(customer);
  const bulk = account.open([{ ...invoice }, { ...item, plan_external_id: plan?.['external_id'] }]);
  assert.deepEqual(faultLines((await bulk.prepare()).faults), []);
  assert.equal((await bulk.send()).failures.count, 0);
  assert.deepEqual(faultLines((await bulk.verify()).differences), []);
});

test('a customer that exceeds the size limit is split over requests that are sent one by one', async (t) => {
  const account = await start(t);
  const [customer, invoice, item] = recordsOf('big');
  const items = Array.from({ length: 12 }, (_, index) => ({
    ...item,
    external_id: `li_${index}`,
    description: 'x'.repeat(900_000),
  }));
  const bulk = account.open([
    goldPlan,
    ...[customer, invoice].filter((record) => record !== undefined),
    ...items,
  ]);
  const { plan } = await bulk.prepare();
  assert.deepEqual(
    plan.batches.map(({ continues }) => continues),
    [false, false, true, true],
  );
  assert.equal((await bulk.send()).failures.count, 0);
  assert.equal(account.simulator.imports.overlapping, 0);
  assert.deepEqual(timesApplied(account), { 1: 15 });
  assert.deepEqual(faultLines((await bulk.verify()).differences), []);
});

test('the lines of customers that ChartMogul rejects are reported with the reason', async (t) => {
  const account = await start(t, { importFailures: 0.5 });
  const customers = Array.from({ length: 20 }, (_, index) => `bulk_${index}`);
  const bulk = account.open([goldPlan, ...customers.flatMap(recordsOf)]);
  await bulk.prepare();
  const { failures, objects } = await bulk.send();
  assert.ok(failures.count > 0 && failures.count < 100 && failures.count % 5 === 0);
  assert.match(faultLines(failures)[0] ?? '', /^line \d+, customer: base: was chosen to fail$/);
  assert.equal(
    objects.reduce((sum, { failed }) => sum + failed, 0),
    failures.count,
  );
  const { compared, differences } = await bulk.verify();
  assert.deepEqual({ compared, count: differences.count }, { compared: 101 - failures.count, count: 0 });
});

test('verify names the lines and fields whose values differ in ChartMogul', async (t) => {
  const account = await start(t);
  const bulk = account.open(file);
  await bulk.prepare();
  await bulk.send();
  const source = importSource(account.simulator);
  const basic = `Basic ${Buffer.from('any-key:').toString('base64')}`;
  const url = `/v1/data_sources/${source}/json_imports`;
  const body = { external_id: 'by hand', customers: [{ external_id: 'bulk_2', name: 'Other' }] };
  account.simulator.answer({ method: 'POST', url, authorization: basic, body });
  const poll = () =>
    account.simulator.answer({ method: 'GET', url: `${url}/by%20hand`, authorization: basic });
  poll();
  poll();
  assert.deepEqual(faultLines((await bulk.verify()).differences), [
    'line 7, customer, name: ChartMogul shows a different value',
    'line 7, customer, email: ChartMogul shows a different value',
  ]);
});

test('an import that is stopped after its first request resumes where it stopped', async (t) => {
  const account = await start(t, { importPolls: 3 });
  const controller = new AbortController();
  const first = account.open(file, controller.signal);
  await first.prepare();
  const sending = first.send();
  const stopped = assert.rejects(sending, /stop/);
  while (account.simulator.imports.accepted === 0) await new Promise((resolve) => setImmediate(resolve));
  controller.abort(new Error('stop'));
  await stopped;
  await first.close();
  const second = account.open(file);
  await second.prepare();
  assert.equal((await second.send()).failures.count, 0);
  assert.deepEqual(timesApplied(account), { 1: 11 });
  assert.deepEqual(
    { ...account.simulator.imports, applied: 0 },
    { accepted: 2, repeated: 0, overlapping: 0, applied: 0 },
  );
});

test('prepare rejects an unknown data source and a file without records', async (t) => {
  const account = await start(t);
  await assert.rejects(account.open([]).prepare(), /FILE must contain records; .* has none/);
  for (const dataSource of ['', 'ds_none', '../customers']) {
    const path = writeRecords(account.dataDir, file);
    const settings = importSettings(account.baseUrl, account.dataDir);
    const bulk = new BulkImport(settings, { dataSource, path }, new ImportProgress(), noSignal);
    t.after(() => bulk.close());
    await assert.rejects(
      bulk.prepare(),
      /--data-source must be the UUID of a data source of this account; got "/,
    );
  }
});

test('close deletes the stored requests only if nothing was sent', async (t) => {
  const account = await start(t);
  const batches = () =>
    readdirSync(account.dataDir, { recursive: true, encoding: 'utf8' }).filter(
      (name) => name.endsWith('.json') && !name.endsWith('plan.json'),
    );
  const dry = account.open(file);
  await dry.prepare();
  assert.equal(batches().length, 2);
  await dry.close();
  assert.deepEqual(batches(), []);
  const sent = account.open(file);
  await sent.prepare();
  await sent.send();
  await sent.close();
  assert.equal(batches().length, 2, 'the requests must be kept, because verify may still read them');
});
