import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { Settings } from '../../core/settings/config.ts';
import { topicOf } from '../../core/stream-name.ts';
import {
  axeFindings,
  chromiumPath,
  launchBrowser,
  overflowOf,
  screenshot,
  themes,
  visit,
  widths,
} from '../helpers/browser.ts';
import { createDashboard } from '../helpers/dashboard.ts';
import { produceStreams, sinkStreams } from '../helpers/pipeline.ts';
import { createSettings } from '../helpers/settings.ts';
import { createSimulatorServer } from '../helpers/simulator.ts';
import { createProducer } from '../helpers/topic.ts';

const needsChromium = { skip: chromiumPath === undefined && 'Chromium is not installed' };

/** The hash of each page, and text that appears once the page has loaded its data. */
const addresses: readonly { readonly name: string; readonly hash: string; readonly shows: string }[] = [
  { name: 'runs', hash: '#/runs', shows: 'done' },
  { name: 'streams', hash: '#/streams', shows: 'customer_subscriptions' },
  { name: 'stream', hash: '#/streams/customers', shows: 'Partitions' },
  { name: 'stream-messages', hash: '#/streams/customers?tab=messages', shows: 'delete' },
  { name: 'stream-rows', hash: '#/streams/customers?tab=rows', shows: 'external_id' },
  { name: 'stream-columns', hash: '#/streams/customers?tab=columns', shows: 'Nullable(Int64)' },
  { name: 'stream-schema', hash: '#/streams/customers?tab=schema', shows: 'Versions' },
];

async function startDemo(t: TestContext): Promise<string> {
  const { baseUrl } = await createSimulatorServer(t, { customers: 20 });
  const settings = createSettings(t, baseUrl);
  await produceStreams(settings);
  await sinkStreams(settings);
  const producer = await createProducer(t, settings);
  await producer.send({
    topic: topicOf(settings.topicPrefix, 'customers'),
    messages: [
      { key: 'gone', value: null },
      { key: 'broken', value: '{}' },
    ],
  });
  return (await createDashboard(t, settings)).url;
}

test(
  'the runs and streams pages are free of errors at every width and in every theme',
  needsChromium,
  async (t) => {
    const url = await startDemo(t);
    const browser = await launchBrowser(t);
    for (const { name, hash, shows } of addresses) {
      for (const width of Object.keys(widths) as (keyof typeof widths)[]) {
        for (const theme of themes) {
          const { page, faults } = await visit(browser, { url: `${url}${hash}`, width, theme });
          await page.locator('main').getByText(shows, { exact: true }).first().waitFor();
          await screenshot(page, `${name}-${width}-${theme}`);
          assert.deepEqual(faults, [], name);
          assert.deepEqual(await axeFindings(page), [], name);
          assert.equal(await overflowOf(page), 0, `${name} is wider than the window`);
          await page.close();
        }
      }
    }

    // Search by key: choose the kind of search, enter the key and press Enter.
    const { page, faults } = await visit(browser, { url: `${url}#/streams/customers?tab=messages` });
    await page.getByLabel('Search by').selectOption('key');
    await page.getByLabel('Message key').fill('broken');
    await page.keyboard.press('Enter');
    await page.getByText('not in Confluent framing').waitFor();
    assert.match(page.url(), /by=key&value=broken/);
    await page.goBack();
    await page.getByText('gone', { exact: true }).waitFor();

    await page.goto(`${url}#/runs`);
    await page.getByRole('link', { name: /^With problems \d/ }).click();
    await page.getByText('None of these runs failed').waitFor();
    await page.getByRole('link', { name: /^All \d/ }).click();
    await page.locator('main tbody a').first().click();
    await page.getByRole('heading', { name: 'Streams' }).waitFor();
    await page.getByRole('link', { name: 'customers', exact: true }).click();
    await page.getByRole('heading', { name: 'customers' }).waitFor();
    assert.deepEqual(faults, []);
  },
);

test('the runs and streams pages explain missing data and unavailable services', needsChromium, async (t) => {
  const browser = await launchBrowser(t);
  const settings = createSettings(t);
  const unreachable = { url: 'http://127.0.0.1:1', credentials: undefined };
  const down: Settings = {
    ...settings,
    kafka: { ...settings.kafka, brokers: ['127.0.0.1:1'] },
    schemaRegistry: unreachable,
    clickhouse: { ...settings.clickhouse, ...unreachable },
  };
  const states: readonly (readonly [settings: Settings, hash: string, shows: RegExp])[] = [
    [settings, '#/runs', /No runs yet/],
    [settings, '#/runs/none', /has no run none/],
    [settings, '#/streams/plans?tab=schema', /has no schema for this stream/],
    [settings, '#/streams/plans?tab=messages', /There is no topic/],
    [down, '#/runs', /does not respond at/],
    [down, '#/streams/plans?tab=rows', /ClickHouse does not respond at/],
  ];
  const urls = new Map<Settings, string>();
  for (const [own, hash, shows] of states) {
    const url = urls.get(own) ?? (await createDashboard(t, own)).url;
    urls.set(own, url);
    const { page, faults } = await visit(browser, { url: `${url}${hash}`, width: 'narrow' });
    await page.locator('main').getByText(shows).first().waitFor();
    // The browser itself reports responses with status 400 and higher.
    assert.deepEqual(
      faults.filter((fault) => !fault.includes('Failed to load resource')),
      [],
    );
    assert.deepEqual(await axeFindings(page), []);
    assert.equal(await overflowOf(page), 0);
    await page.close();
  }
});
