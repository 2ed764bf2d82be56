import assert from 'node:assert/strict';
import test from 'node:test';
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
import { sinkStreams } from '../helpers/pipeline.ts';
import { createRefusingTable, dropConstraints, storedOffsets } from '../helpers/refusing-table.ts';

test(
  'the dashboard redrives dead letters after a confirmation, and the stream is then equal',
  { skip: chromiumPath === undefined && 'Chromium is not installed' },
  async (t) => {
    const { settings, sendPlans } = await createRefusingTable(t);
    await sendPlans(13, 1, 26);
    await sinkStreams(settings, 'plans');
    const { url } = await createDashboard(t, settings);
    const browser = await launchBrowser(t);
    const kinds = (Object.keys(widths) as (keyof typeof widths)[]).flatMap((width) =>
      themes.map((theme) => ({ width, theme })),
    );
    for (const { width, theme } of kinds) {
      for (const [name, shows] of [
        ['dead-letters', 'ETL_ROW_REJECTED'],
        ['reconcile', 'No comparison yet'],
      ] as const) {
        const { page, faults } = await visit(browser, { url: `${url}#/${name}`, width, theme });
        await page.getByText(shows).first().waitFor();
        await screenshot(page, `${name}-${width}-${theme}`);
        assert.deepEqual(faults, [], name);
        assert.deepEqual(await axeFindings(page), [], name);
        assert.equal(await overflowOf(page), 0, `${name} is wider than the window`);
        await page.close();
      }
    }

    const { page, faults } = await visit(browser, { url: `${url}#/dead-letters` });
    await page.getByRole('button', { name: 'Select all 2' }).click();
    await page.getByRole('button', { name: 'Redrive…' }).click();
    await page.keyboard.press('Escape');
    assert.equal(await page.getByRole('dialog').count(), 0);
    assert.deepEqual(await storedOffsets(settings), [0, 2]);

    await dropConstraints(settings);
    await page.getByRole('button', { name: 'Redrive…' }).click();
    assert.deepEqual(await axeFindings(page), []);
    await page.getByRole('button', { name: 'Redrive 2 dead letters' }).click();
    await page.getByText('No dead letters are pending').waitFor();
    assert.deepEqual(await storedOffsets(settings), [0, 1, 2, 3]);

    await page.goto(`${url}#/reconcile`);
    await page.getByRole('button', { name: 'Compare all streams' }).click();
    await page.getByText('The stream is equal').waitFor();
    assert.deepEqual(await axeFindings(page), []);
    assert.deepEqual(faults, []);
  },
);
