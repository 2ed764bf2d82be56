import assert from 'node:assert/strict';
import { test } from 'node:test';
import { axeFindings, chromiumPath, launchBrowser, visit } from '../helpers/browser.ts';
import { createDashboard } from '../helpers/dashboard.ts';
import { produceStreams, sinkStreams } from '../helpers/pipeline.ts';
import { createSettings } from '../helpers/settings.ts';
import { createSimulatorServer } from '../helpers/simulator.ts';

const needsChromium = { skip: chromiumPath === undefined && 'Chromium is not installed' };

test(
  'the SQL page runs, charts and cancels queries, but never starts one from an external link',
  needsChromium,
  async (t) => {
    const { baseUrl } = await createSimulatorServer(t, { customers: 60 });
    const settings = createSettings(t, baseUrl);
    await produceStreams(settings, 'account', 'activities');
    await sinkStreams(settings, 'account', 'activities');
    const { url } = await createDashboard(t, settings);
    const browser = await launchBrowser(t);
    const linkOf = (sql: string) => `${url}#/sql?${new URLSearchParams({ q: sql }).toString()}`;

    const { page, faults } = await visit(browser, {
      url: linkOf('SELECT number, number * 2 AS n FROM numbers(3)'),
    });
    const asked: string[] = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    await page.getByText('This query came with the link').waitFor();
    assert.ok(!asked.includes('/api/sql/run'));
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await page.getByRole('gridcell', { name: '4', exact: true }).waitFor();
    await page.getByRole('button', { name: 'Chart', exact: true }).click();
    await page.locator('.uplot').waitFor();
    assert.deepEqual(await axeFindings(page), []);

    // A link within the dashboard runs its query.
    await page.goto(`${url}#/mrr`);
    await page.getByRole('link', { name: 'SQL for MRR', exact: true }).click();
    await page.getByRole('gridcell').first().waitFor();

    await page.goto(linkOf('SELECT count() FROM system.numbers'));
    await page.getByText('This query came with the link').waitFor();
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    await page.getByText('The query was cancelled').waitFor();
    assert.deepEqual(faults, []);
  },
);
