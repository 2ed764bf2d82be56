import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { createClickHouse } from '../core/clickhouse/client.ts';
import { loadSettings } from '../core/settings/config.ts';
import { ConfigError } from '../core/errors.ts';
import { createCommand, exitCodes, runMain } from '../core/process.ts';
import { readOnlyQuery } from '../core/clickhouse/read-only-query.ts';
import { visibleStream } from '../core/terminal/terminal.ts';

const DEFAULT_FORMAT = 'PrettyCompactMonoBlock';

await runMain(async (signal) => {
  const command = createCommand('query', 'Answers a read-only SQL query.')
    .argument('[sql]', 'the query, in quotes; without it, or as -, the query is read from stdin')
    .option('--format <name>', "any of ClickHouse's output formats", DEFAULT_FORMAT)
    .parse();
  const [argument = '-'] = command.args;
  const { format } = command.opts<{ format: string }>();
  if (!/^[A-Za-z0-9]+$/.test(format)) {
    throw new ConfigError(`--format got "${format}", wants the name of a ClickHouse output format`);
  }
  const { clickhouse } = loadSettings();
  const sql = argument === '-' ? await readStdin() : argument;
  // The query is the user's, and so are its settings.
  const client = createClickHouse(clickhouse, {}, { isStreamed: true });
  try {
    const answer = await readOnlyQuery(client, clickhouse, sql, format, signal);
    // stdout stays open: the process ends it.
    const ways = process.stdout.isTTY ? [visibleStream()] : [];
    await pipeline([answer, ...ways, process.stdout], { signal, end: false });
  } finally {
    await client.close();
  }
  return exitCodes.done;
});

/** @throws ConfigError where nothing is piped in. */
async function readStdin(): Promise<string> {
  const sql = process.stdin.isTTY ? '' : (await text(process.stdin)).trim();
  if (sql === '')
    throw new ConfigError(
      'query got no SQL: give it in quotes, or on stdin as in `npm run -s query < report.sql`',
    );
  return sql;
}
