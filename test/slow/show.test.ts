import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { Settings } from '../../core/settings/config.ts';
import type { Page } from 'playwright-core';
import { startDashboard } from '../../dashboard/server/server.ts';
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

const needsChromium = { skip: chromiumPath === undefined && 'Chromium is not installed' };

/** The hash of each page, and text that appears once the page has loaded its data. */
const addresses: readonly { readonly name: string; readonly hash: string; readonly shows: string }[] = [
  { name: 'overview', hash: '#/', shows: 'customer_subscriptions' },
  { name: 'sql', hash: '#/sql', shows: 'MRR by month' },
  { name: 'mrr', hash: '#/mrr?months=24', shows: 'MRR movements' },
  { name: 'runs', hash: '#/runs', shows: 'Runs' },
  { name: 'streams', hash: '#/streams', shows: 'customer_subscriptions' },
  { name: 'stream', hash: '#/streams/plans', shows: 'plans' },
  { name: 'dead-letters', hash: '#/dead-letters', shows: 'Dead letters' },
  { name: 'reconcile', hash: '#/reconcile', shows: 'Reconcile' },
];

async function startDemo(t: TestContext): Promise<string> {
  const { baseUrl } = await createSimulatorServer(t, { customers: 60 });
  const settings = createSettings(t, baseUrl);
  await produceStreams(settings);
  await sinkStreams(settings);
  return (await createDashboard(t, settings)).url;
}

/** Checks a page that shows its data, and takes its screenshot. */
async function check(page: Page, faults: readonly string[], name: string): Promise<void> {
  await screenshot(page, name);
  assert.deepEqual(faults, [], name);
  assert.deepEqual(await axeFindings(page), [], name);
  assert.equal(await overflowOf(page), 0, `${name} is wider than the window`);
}

test(
  'every page is free of errors and serious axe findings at every width and in every theme',
  needsChromium,
  async (t) => {
    const url = await startDemo(t);
    const browser = await launchBrowser(t);
    for (const { name, hash, shows } of addresses) {
      for (const width of Object.keys(widths) as (keyof typeof widths)[]) {
        for (const theme of themes) {
          const { page, faults } = await visit(browser, { url: `${url}${hash}`, width, theme });
          await page.locator('main').getByText(shows, { exact: true }).first().waitFor();
          await page.locator('main .skeleton').first().waitFor({ state: 'detached' });
          await check(page, faults, `${name}-${width}-${theme}`);
          await page.close();
        }
      }
    }
  },
);

test('the overview explains an empty pipeline and unavailable services', needsChromium, async (t) => {
  const settings = createSettings(t);
  const browser = await launchBrowser(t);
  const unreachable = { url: 'http://127.0.0.1:1', credentials: undefined };
  const states: readonly (readonly [name: string, settings: Settings, shows: string])[] = [
    ['empty', settings, 'Nothing has been produced yet'],
    [
      'services-down',
      {
        ...settings,
        kafka: { ...settings.kafka, brokers: ['127.0.0.1:1'] },
        schemaRegistry: unreachable,
        clickhouse: { ...settings.clickhouse, ...unreachable },
      },
      'No stream is known yet',
    ],
  ];
  for (const [name, own, shows] of states) {
    const url = (await createDashboard(t, own)).url;
    for (const width of Object.keys(widths) as (keyof typeof widths)[]) {
      const { page, faults } = await visit(browser, { url, width });
      await page.getByText(shows).waitFor();
      await check(page, faults, `overview-${name}-${width}`);
      await page.close();
    }
  }
});

test(
  'the theme persists after a reload, and a page reports that its server has stopped',
  needsChromium,
  async (t) => {
    const settings = createSettings(t);
    const controller = new AbortController();
    const show = { host: '127.0.0.1', port: 0, password: undefined };
    const { url, stopped } = await startDashboard({ ...settings, show }, controller.signal);
    const { page } = await visit(await launchBrowser(t), { url });
    await page.getByRole('button', { name: 'Use the dark theme' }).click();
    await page.reload();
    await page.getByRole('button', { name: 'Use the light theme' }).waitFor();
    assert.equal(await page.evaluate('document.documentElement.dataset.theme'), 'dark');
    await page.getByText('Live', { exact: true }).waitFor();
    controller.abort();
    await stopped;
    await page.getByText('The dashboard is not responding').waitFor();
    assert.deepEqual(await axeFindings(page), []);
  },
);
