import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { loadSettings } from '../core/settings/config.ts';
import { ConfigError } from '../core/errors.ts';
import { createCommand, exitCodes, runMain } from '../core/process.ts';
import { visibleStream } from '../core/terminal/terminal.ts';
import { ReadOnlyQueries } from '../operations/query/read-only-queries.ts';

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
  const queries = new ReadOnlyQueries(clickhouse);
  try {
    const { stream } = await queries.stream(sql, format, { signal });
    // stdout must stay open: the process closes it.
    const transforms = process.stdout.isTTY ? [visibleStream()] : [];
    await pipeline([stream, ...transforms, process.stdout], { signal, end: false });
  } finally {
    await queries.close();
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
