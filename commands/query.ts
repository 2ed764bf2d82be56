import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { createClickHouse } from '../core/clickhouse/client.ts';
import { loadSettings } from '../core/settings/config.ts';
import { ConfigError } from '../core/errors.ts';
import { createCommand, exitCodes, runMain } from '../core/process.ts';
import { readOnlyQuery } from '../core/clickhouse/read-only-query.ts';
import { visibleStream } from '../core/terminal/terminal.ts';

await runMain(async (signal) => {
  const command = createCommand('query', 'Runs a read-only SQL query.')
    .argument('[sql]', 'the query, in quotes; reads stdin if it is - or missing')
    .option('--format <name>', 'a ClickHouse output format', 'PrettyCompactMonoBlock')
    .parse();
  const [argument = '-'] = command.args;
  const { format } = command.opts<{ format: string }>();
  if (!/^[A-Za-z0-9]+$/.test(format))
    throw new ConfigError(`--format must be the name of a ClickHouse output format; got "${format}"`);
  const { clickhouse } = loadSettings();
  const sql = argument === '-' ? await readStdin() : argument;
  // The user's query sets its own settings.
  const client = createClickHouse(clickhouse, {}, { isStreamed: true });
  try {
    const answer = await readOnlyQuery(client, clickhouse, sql, format, signal);
    // stdout must stay open: the process closes it.
    const transforms = process.stdout.isTTY ? [visibleStream()] : [];
    await pipeline([answer, ...transforms, process.stdout], { signal, end: false });
  } finally {
    await client.close();
  }
  return exitCodes.done;
});

/** @throws ConfigError if nothing is piped in. */
async function readStdin(): Promise<string> {
  const sql = process.stdin.isTTY ? '' : (await text(process.stdin)).trim();
  if (sql === '')
    throw new ConfigError(
      'query got no SQL: pass it in quotes, or on stdin as in `npm run -s query < report.sql`',
    );
  return sql;
}
