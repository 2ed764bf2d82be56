import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { createClickHouse, quoted } from '../../core/clickhouse/client.ts';
import { runCommand } from '../helpers/command.ts';
import { ownServer } from '../helpers/own-clickhouse.ts';
import { startOnTerminal } from '../helpers/pseudo-terminal.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';

const query = 'commands/query.ts';
const [TAB, ENTER, CTRL_C, CTRL_D, UP] = ['\t', '\r', '\u0003', '\u0004', '\u001b[A'];

async function prepare(t: TestContext, server?: { readonly url: string }) {
  const { clickhouse: shared, ...settings } = createSettings(t);
  const clickhouse = server === undefined ? shared : { ...shared, url: server.url, credentials: undefined };
  const client = createClickHouse(clickhouse, {});
  t.after(() => client.close());
  const database = quoted(clickhouse.database);
  for (const sql of [
    `CREATE DATABASE ${database}`,
    `CREATE TABLE ${database}.customers (uuid String COMMENT 'The id.', name String) ENGINE = MergeTree ORDER BY uuid`,
    String.raw`INSERT INTO ${database}.customers VALUES ('cus_1', 'evil \x1b[2J name')`,
  ])
    await client.command({ query: sql });
  const folder = await mkdtemp(join(tmpdir(), 'query-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const env = environmentOf({ ...settings, clickhouse });
  return { env: { ...env, DATA_DIR: folder }, folder, prompt: `${clickhouse.database}> ` };
}

test('the prompt answers, completes, describes, cancels and keeps a private history', async (t) => {
  const { env, folder, prompt } = await prepare(t, await ownServer(t));
  const terminal = startOnTerminal(t, query, [], env);
  await terminal.shown(prompt);

  terminal.type(`SELECT uuid${ENTER}`);
  await terminal.shown('-> ');
  // readline treats a tab that arrives with other keys as pasted text.
  terminal.type('FROM cus');
  await terminal.shown('FROM cus');
  terminal.type(TAB);
  await terminal.shown('FROM customers');
  terminal.type(`;${ENTER}`);
  await terminal.shown(/cus_1\s/);
  await terminal.shown(/\(1 row, read 1 in [\d.]+ s\)/);

  terminal.type(`SELECT name FROM customers;${ENTER}`);
  await terminal.shown('evil \\u001b[2J name');
  assert.ok(!terminal.text().includes('\u001b[2J'));

  terminal.type(`describe customers${ENTER}`);
  await terminal.shown(/uuid\s+String\s+The id\./);
  terminal.type(`\\format CSV${ENTER}SELECT 1 AS one, 'x';${ENTER}`);
  await terminal.shown('1,"x"');

  terminal.type(`\\format auto${ENTER}SELECT * FROM custmers;${ENTER}`);
  await terminal.shown('Did you mean customers?');

  terminal.type(`SELECT count() AS slow FROM system.numbers;${ENTER}`);
  await terminal.shown('Ctrl-C cancels');
  terminal.type(CTRL_C);
  await terminal.shown('cancelled');
  terminal.type(`SELECT unfinished${ENTER}`);
  await terminal.shown('-> ', 2);
  terminal.type(CTRL_C);
  terminal.type(`SELECT 'password', 111;${ENTER} SELECT 222;${ENTER}`);
  await terminal.shown(/^222/m);
  terminal.type(UP);
  await terminal.shown('SELECT 222', 2);
  terminal.type(`${CTRL_C}${CTRL_D}`);
  assert.equal(await terminal.exitCode, 0);

  const path = join(folder, 'query-history');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const lines = readFileSync(path, 'utf8').split('\n');
  assert.equal(lines[0], 'SELECT uuid FROM customers;');
  assert.ok(!lines.some((line) => /password|222|unfinished/.test(line)), lines.join('\n'));

  const again = startOnTerminal(t, query, [], env);
  await again.shown(prompt);
  again.type(`${UP}${UP}${UP}`);
  await again.shown('SELECT * FROM custmers;');
  again.type(`${CTRL_C}SELECT 1${ENTER}`);
  await again.shown('-> ');
  again.type(`\\q${ENTER}`);
  assert.equal(await again.exitCode, 0);
});

test('a query on a terminal prints rows that are wider than 80 columns as lists', async (t) => {
  const { env } = await prepare(t);
  const values = Array.from({ length: 12 }, (_, number) => `${number + 1_000_000} AS column_${number}`);
  const terminal = startOnTerminal(t, query, [`SELECT ${values.join(', ')}`], env);
  assert.equal(await terminal.exitCode, 0);
  const lines = terminal.text().split('\r\n');
  assert.ok(lines.includes('column_0   1000000'), terminal.text());
  assert.ok(lines.includes('column_11  1000011'), terminal.text());
  assert.ok(
    lines.every((line) => line.length <= 80),
    terminal.text(),
  );
});

test('the prompt does not open without a terminal or without ClickHouse', async (t) => {
  const { env } = await prepare(t);
  const piped = await runCommand(t, query, [], env);
  assert.equal(piped.exitCode, 2);
  assert.match(piped.stderr, /^query got no SQL: /);
  const terminal = startOnTerminal(t, query, [], { ...env, CLICKHOUSE_URL: 'http://127.0.0.1:1' });
  assert.equal(await terminal.exitCode, 1);
  assert.match(terminal.text(), /^ClickHouse does not respond at http:\/\/127\.0\.0\.1:1/);
});

test('--output writes a private file in the format of its extension, or rejects the name', async (t) => {
  const { env, folder } = await prepare(t);
  const write = (sql: string, ...args: readonly string[]) => runCommand(t, query, [sql, ...args], env);
  const path = join(folder, 'numbers.csv');
  const sql = "SELECT number, 'a\nb' AS text FROM numbers(3)";
  const written = await write(sql, '--output', path);
  assert.equal(written.exitCode, 0, written.stderr);
  assert.deepEqual([written.stdout, written.stderr], ['', `${path}: 3 rows, 40 bytes of CSVWithNames\n`]);
  assert.equal(readFileSync(path, 'utf8'), '"number","text"\n0,"a\nb"\n1,"a\nb"\n2,"a\nb"\n');
  assert.equal(statSync(path).mode & 0o777, 0o600);

  const json = await write('SELECT 1 AS a', '--output', join(folder, 'x'), '--format', 'JSONEachRow');
  assert.match(json.stderr, /: 1 row, 8 bytes of JSONEachRow\n$/);
  const parquet = join(folder, 'x.parquet');
  assert.equal((await write('SELECT 1 AS a', '--output', parquet)).exitCode, 0);
  assert.equal(readFileSync(parquet).subarray(0, 4).toString(), 'PAR1');

  const failed = await write('SELECT throwIf(number = 9) FROM numbers(10)', '--output', path);
  assert.equal(failed.exitCode, 1);
  assert.match(readFileSync(path, 'utf8'), /^"number"/);
  for (const [wrong, message] of [
    [join(folder, 'x.xls'), /^--output must be a file whose name ends in \.csv, .*; got "/],
    [join(folder, 'none', 'x.csv'), /^--output must be a file in an existing folder/],
  ] as const) {
    const refused = await write(sql, '--output', wrong);
    assert.equal(refused.exitCode, 2);
    assert.match(refused.stderr, message);
    assert.equal(existsSync(wrong), false);
  }
  const asked = await runCommand(t, query, ['--question', 'nothing'], env);
  assert.equal(asked.exitCode, 2);
  assert.match(asked.stderr, /^--question must be one of mrr_by_month, .*; got "nothing"\n$/);
});
