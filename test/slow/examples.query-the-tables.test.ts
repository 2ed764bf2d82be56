import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { JsonObject } from '../../core/json.ts';
import { runShell } from '../helpers/command.ts';
import { pythonEnvironment } from '../helpers/own-python.ts';
import { produceStreams, sinkStreams } from '../helpers/pipeline.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';
import { createSimulatorServer } from '../helpers/simulator.ts';
import { rowsOf } from '../helpers/table-rows.ts';

const example = fileURLToPath(new URL('../../examples/query-the-tables/', import.meta.url));
const readme = readFileSync(join(example, 'README.md'), 'utf8');
const [install, scripts, , notebook] = [...readme.matchAll(/^```sh\n(.*?)^```$/gms)].map(
  ([, commands = '']) => commands,
);
const python = pythonEnvironment('query-the-tables', join(example, 'requirements.txt'));

/** Prints the data frames of the notebook as JSON. */
const framesOfNotebook = `
import json
from notebook import app
_, values = app.run()
print(json.dumps({name: values[name].to_dicts() for name in ["mrr", "movements", "countries"]}, default=str))
`;

test(
  'the scripts and the notebook in the example show the values in the tables',
  { skip: python.missing },
  async (t) => {
    const { simulator, baseUrl } = await createSimulatorServer(t, { customers: 120, seed: 8 });
    const settings = createSettings(t, baseUrl);
    const streams = ['account', 'activities', 'customers'];
    await produceStreams(settings, ...streams);
    await sinkStreams(settings, ...streams);
    const folder = await mkdtemp(join(tmpdir(), 'query-the-tables-'));
    t.after(() => rm(folder, { recursive: true }));
    const environment = {
      ...environmentOf(settings),
      PATH: [python.bin, process.env['PATH']].join(delimiter),
      HOME: folder,
      PYTHONDONTWRITEBYTECODE: '1',
    };
    const run = async (commands: string) => {
      const line = `set -e\n${commands.replaceAll('.data/', `${folder}/`)}`;
      const { exitCode, stdout, stderr } = await runShell(t, line, environment);
      assert.equal(exitCode, 0, `${commands}${stdout}${stderr}`);
      return stdout;
    };
    const [mrrByMonth = '', exactValues = '', arrow = '', parquet = '', exports = ''] = (scripts ?? '').split(
      '\n\n',
    );
    const months = (await rowsOf(
      settings,
      'SELECT * EXCEPT _changed_at, toString(month) AS month FROM mrr_by_month ORDER BY month',
    )) as Record<string, number>[];
    const customers = [...simulator.truth('customers')] as JsonObject[];
    assert.ok(months.length > 24 && customers.length === 120);
    assert.match(install ?? '', /pip install -r examples\/query-the-tables\/requirements\.txt/);

    await t.test('mrr_by_month.py computes the rows of the view', async () => {
      const printed = await run(mrrByMonth);
      const rows = [...printed.matchAll(/^(\d{4}-\d\d-\d\d)((?: +-?\d+){6})$/gm)].map(
        ([, month, numbers = '']) => [month, ...numbers.trim().split(/ +/).map(Number)],
      );
      const columns = ['new_business', 'expansion', 'contraction', 'churn', 'reactivation', 'closing_mrr'];
      assert.deepEqual(
        rows,
        months.slice(-12).map((row) => [row['month'], ...columns.map((name) => row[name])]),
      );
      assert.ok(printed.includes(`${months.length} months equal the view`));
    });

    await t.test("exact_values.py shows exact amounts, and times in the account's time zone", async () => {
      const printed = await run(exactValues);
      assert.match(printed, /^mrr_cents +Int64$/m);
      assert.match(printed, /^customer_since +datetime64\[ms, UTC\]$/m);
      const rows = [...printed.matchAll(/ (\d+) (\d+\.\d\d) (\S+ \S+)(-0[45]:00)$/gm)];
      const highest = customers
        .map((customer) => ({ mrr: Number(customer['mrr']), since: String(customer['customer-since']) }))
        .sort((a, b) => b.mrr - a.mrr)
        .slice(0, 5);
      assert.deepEqual(
        rows.map(([, cents, amount, local = '', zone = '']) => [
          cents,
          amount,
          Date.parse(`${local.replace(' ', 'T')}${zone}`),
        ]),
        highest.map(({ mrr, since }) => [String(mrr), (mrr / 100).toFixed(2), Date.parse(since)]),
      );
      const total = highest.reduce((sum, { mrr }) => sum + mrr, 0);
      assert.ok(printed.includes(`pay ${(total / 100).toFixed(2)} a month`), printed);
    });

    await t.test('polars_and_arrow.py groups the paying customers by country', async () => {
      const printed = await run(arrow);
      assert.match(printed, /^customer_since: timestamp\[ms, tz=UTC\]/m);
      const expected = await rowsOf(
        settings,
        `SELECT ifNull(country, 'null') AS name, count() AS customers, sum(mrr) AS cents
         FROM customers WHERE mrr > 0 GROUP BY country ORDER BY cents DESC, name`,
      );
      const rows = expected.map((row) => Object.values(row).map(String));
      const shown = cellsOf(printed, '┆').map((cells) => cells.slice(0, 3));
      assert.deepEqual(shown, [...rows.slice(0, 5), ...rows.slice(-5)]);
    });

    /** The number of customers with each tag, and their total MRR. */
    const tags = new Map<string, { customers: number; cents: number }>();
    for (const { attributes, mrr } of customers) {
      for (const tag of (attributes as { tags: (string | null)[] }).tags) {
        if (tag === null) continue;
        const { customers, cents } = tags.get(tag) ?? { customers: 0, cents: 0 };
        tags.set(tag, { customers: customers + 1, cents: cents + Number(mrr) });
      }
    }
    const tagRows = [...tags]
      .map(([tag, { customers, cents }]) => [tag, String(customers), String(cents)])
      .sort(([a = ''], [b = '']) => (a < b ? -1 : 1));

    await t.test('read_parquet.py reads the nested columns of a file that query has written', async () => {
      const printed = await run(parquet);
      assert.match(printed, /^ {2}customer_since +datetime64\[ms, UTC\]$/m);
      assert.match(printed, /^ {2}attributes {2}Struct\(\{'tags': List\(String\)/m);
      assert.deepEqual(cellsOf(printed, '┆'), tagRows);
    });

    await t.test('read_export.py reads both kinds of export with DuckDB', async () => {
      const rows = cellsOf(await run(exports), '│');
      const half = rows.length / 2;
      assert.deepEqual(rows.slice(half), rows.slice(0, half), 'the database must equal the files');
      const latest = months.slice(-6).reverse();
      assert.deepEqual(
        rows.slice(0, 6).map(([month, mrr]) => [month, Number(mrr)]),
        latest.map((row) => [row['month'], (row['closing_mrr'] ?? 0) / 100]),
      );
      assert.deepEqual(rows.slice(6, half), tagRows);
    });

    await t.test('the notebook runs without a browser and draws three charts of the tables', async () => {
      await run(notebook ?? '');
      const page = readFileSync(join(folder, 'revenue.html'), 'utf8');
      assert.equal(page.match(/application\/vnd\.vegalite/g)?.length, 3);
      const printed = await run(`cd examples/query-the-tables; python -c '${framesOfNotebook}'`);
      const frames = JSON.parse(printed) as Record<string, Record<string, unknown>[]>;
      assert.deepEqual(
        frames['mrr'],
        months.map((row) => ({ month: row['month'], mrr: (row['closing_mrr'] ?? 0) / 100 })),
      );
      const churn = frames['movements']?.filter(({ type }) => type === 'churn');
      assert.deepEqual(
        churn?.map(({ month, mrr }) => [month, mrr]),
        months.map((row) => [row['month'], (row['churn'] ?? 0) / 100]),
      );
      assert.equal(frames['movements']?.length, 5 * months.length);
      const countries = await rowsOf(
        settings,
        `SELECT ifNull(country, 'unknown') AS country, count() AS customers, sum(mrr) / 100 AS total
         FROM customers WHERE mrr > 0 GROUP BY country ORDER BY total DESC, country LIMIT 10`,
      );
      assert.deepEqual(frames['countries'], countries);
    });
  },
);

/** Returns the cells of the lines that contain numbers in a table drawn by polars or DuckDB. */
function cellsOf(printed: string, separator: string): string[][] {
  return [...printed.matchAll(/^│ (.+) │$/gm)]
    .map(([, line = '']) => line.split(separator).map((cell) => cell.trim()))
    .filter((cells) => /^[\d.]+$/.test(cells[1] ?? ''));
}
