import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { loadSettings } from '../core/settings/config.ts';
import { notOneOf } from '../core/settings/setting-values.ts';
import { ConfigError } from '../core/errors.ts';
import { createCommand, exitCodes, runMain } from '../core/process.ts';
import { grouped, several } from '../core/terminal/amounts.ts';
import { print, visibleStream } from '../core/terminal/terminal.ts';
import { formatOfFile } from '../operations/query/file-format.ts';
import { readQuestions } from '../operations/query/library.ts';
import { AnswerPrinter } from '../operations/query/prompt/answer-printer.ts';
import { runPrompt } from '../operations/query/prompt/prompt.ts';
import { ReadOnlyQueries } from '../operations/query/read-only-queries.ts';
import { writeResult } from '../operations/query/write-result.ts';

await runMain(async (signal) => {
  const command = createCommand(
    'query',
    'Runs a read-only SQL query. Without a query, opens an interactive prompt with history and completion.',
  )
    .argument(
      '[sql]',
      'the query in quotes, or - for stdin; if absent, stdin is read unless it is a terminal',
    )
    .option(
      '--format <name>',
      'a ClickHouse output format; by default a table, or the format that the file name implies',
    )
    .option('--output <file>', 'writes a .csv, .tsv, .json, .ndjson, .parquet, .arrow or .md file')
    .option('--question <name>', 'runs a ready-made question: see docs/queries.md')
    .parse();
  const [argument] = command.args;
  const options = command.opts<{ format?: string; output?: string; question?: string }>();
  const { output } = options;
  if (options.format !== undefined && !/^[A-Za-z0-9]+$/.test(options.format))
    throw new ConfigError(`--format must be the name of a ClickHouse output format; got "${options.format}"`);
  const format = options.format ?? (output === undefined ? 'PrettyCompactMonoBlock' : formatOfFile(output));
  const { clickhouse, dataDir } = loadSettings();
  const { database } = clickhouse;
  const sql = await sqlOf(argument, options);
  const queries = new ReadOnlyQueries(clickhouse);
  try {
    if (sql === undefined) {
      const { stdin: input, stdout } = process;
      await runPrompt({ queries, database, dataDir, input, output: stdout, signal });
    } else if (output !== undefined) {
      const written = await writeResult(queries, sql, { path: output, format }, { signal });
      const rows = written.rows === undefined ? '' : `${several(written.rows, 'row')}, `;
      print(`${output}: ${rows}${grouped(written.bytes)} bytes of ${written.format}\n`, process.stderr);
    } else if (process.stdout.isTTY && options.format === undefined) {
      await new AnswerPrinter(queries, process.stdout).answer(sql, signal);
    } else {
      const { stream } = await queries.stream(sql, format, { signal });
      // Keeps stdout open, because the process closes it.
      const transforms = process.stdout.isTTY ? [visibleStream()] : [];
      await pipeline([stream, ...transforms, process.stdout], { signal, end: false });
    }
  } finally {
    await queries.close();
  }
  return exitCodes.done;
});

/**
 * Returns the SQL to run; undefined for the prompt.
 * @throws ConfigError if there is no SQL, for an unknown `--question`, or for both a question and a
 *   query.
 */
async function sqlOf(
  argument: string | undefined,
  { output, question }: { readonly output?: string; readonly question?: string },
): Promise<string | undefined> {
  if (question !== undefined) {
    if (argument !== undefined) throw new ConfigError('--question and a query must not be given together');
    const questions = readQuestions();
    const found = questions.find(({ name }) => name === question);
    if (found !== undefined) return found.sql;
    throw notOneOf(
      '--question',
      question,
      questions.map(({ name }) => name),
    );
  }
  if (argument !== undefined && argument !== '-') return argument;
  const isPrompt = process.stdin.isTTY && process.stdout.isTTY && argument === undefined;
  if (isPrompt && output === undefined) return undefined;
  const sql = process.stdin.isTTY ? '' : (await text(process.stdin)).trim();
  if (sql === '')
    throw new ConfigError(
      'query got no SQL: pass it in quotes, or on stdin as in `npm run -s query < report.sql`',
    );
  return sql;
}
