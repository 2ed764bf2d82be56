import { deadLetterSteps, type StoredDeadLetter } from '../core/dead-letters/reader.ts';
import type { RedriveOutcome } from '../core/dead-letters/writer.ts';
import { ConfigError } from '../core/errors.ts';
import { several } from '../core/terminal/amounts.ts';
import { withConnections, type Connections } from '../core/connections.ts';
import { createCommand, exitCodes, runMain, type ExitCode } from '../core/process.ts';
import { loadSettings } from '../core/settings/config.ts';
import { integer } from '../core/settings/setting-values.ts';
import { deadLettersTopic } from '../core/stream-name.ts';
import { widthOf } from '../core/terminal/columns.ts';
import { print as printText, visibleLine } from '../core/terminal/terminal.ts';
import { parseFilter, parseIdPrefix, type FilterOptions } from '../operations/dead-letters/choose.ts';
import {
  chooseDeadLetters,
  listDeadLetters,
  showDeadLetter,
  type Selection,
} from '../operations/dead-letters/dead-letters.ts';
import { exactJson, jsonLines, prettyJson } from '../operations/dead-letters/exact-json.ts';
import { discardDeadLetters, redriveDeadLetters } from '../operations/dead-letters/settle.ts';
import {
  deadLetterDetails,
  deadLetterJson,
  deadLetterTable,
  foldLines,
  headerTexts,
  hexDump,
  hexPart,
  NONE_PENDING,
  shortId,
  totalLines,
} from '../operations/dead-letters/text.ts';

interface Options extends FilterOptions {
  readonly limit?: string;
  readonly json?: true;
}

const DEFAULT_LIMIT = 50;

await runMain(async (signal) => {
  let run: () => Promise<ExitCode> = () => Promise.resolve(exitCodes.wrongSettings);
  const command = createCommand(
    'dead-letters',
    'Lists the records and messages that produce and sink rejected, and redrives or discards them.',
  );
  const steps = deadLetterSteps.join(' or ');
  command
    .command('list')
    .description('Lists pending dead letters, newest first.')
    .option('--streams <a,b>', 'only dead letters of these streams')
    .option('--step <name>', `only dead letters of this step: ${steps}`)
    .option('--reason <text>', 'only dead letters whose code or reason contains this text')
    .option(
      '--since <time>',
      'only dead letters rejected since this time (2026-01-31T12:00Z) or within this age (2h, 3d)',
    )
    .option('--all', 'includes redriven and discarded dead letters')
    .option('--limit <n>', `maximum number shown (default: ${DEFAULT_LIMIT})`)
    .option('--json', 'prints JSON, without a default limit')
    .action((options: Options) => {
      run = () => list(options, signal);
    });
  command
    .command('show <ID>')
    .description('Shows one dead letter: its headers and its value, decoded where possible.')
    .option('--json', 'prints JSON')
    .action((id: string, options: Options) => {
      run = () => show(id, options, signal);
    });
  command
    .command('redrive [IDs...]')
    .description(
      'Sends dead letters again through the step that rejected them, and marks those that succeed as redriven.',
    )
    .option('--streams <a,b>', 'only dead letters of these streams')
    .option('--step <name>', `only dead letters of this step: ${steps}`)
    .option('--all', 'all pending dead letters')
    .action((ids: string[], options: Options) => {
      run = () => redrive(parseSelection('redrive', ids, options), signal);
    });
  command
    .command('discard [IDs...]')
    .description(
      'Marks dead letters as discarded: status and reconcile no longer count them, and produce retries a record once it changes.',
    )
    .option('--reason <text>', 'why they are discarded; stored with the dead letters', 'no reason given')
    .option('--streams <a,b>', 'only dead letters of these streams')
    .option('--step <name>', `only dead letters of this step: ${steps}`)
    .option('--all', 'all pending dead letters')
    .action((ids: string[], { reason = '', ...options }: Options) => {
      run = () => discard(parseSelection('discard', ids, options), reason, signal);
    });
  command.parse();
  return run();
});

async function list(options: Options, signal: AbortSignal): Promise<ExitCode> {
  const isJson = options.json === true;
  const limit = options.limit === undefined ? undefined : integer('--limit', options.limit, 1, 1_000_000);
  const filter = parseFilter(options, Date.now());
  return withKafka(signal, async (services) => {
    const { deadLetters, others } = await listDeadLetters(services, filter);
    const shown = deadLetters.slice(0, limit ?? (isJson ? Infinity : DEFAULT_LIMIT));
    if (isJson) print(JSON.stringify(shown.map(deadLetterJson), null, 2));
    else {
      if (shown.length > 0) print(deadLetterTable(shown, widthOf(process.stdout)));
      print(totalLines(deadLetters, shown.length));
      if (others > 0)
        print(`${several(others, 'other message')} on ${deadLettersTopic(services.settings.topicPrefix)}`);
    }
    return exitCodes.done;
  });
}

async function show(id: string, { json }: Options, signal: AbortSignal): Promise<ExitCode> {
  const prefix = parseIdPrefix(id);
  return withKafka(signal, async (services) => {
    const { deadLetter, value, content } = await showDeadLetter(services, prefix);
    if (json === true) {
      const hex = hexPart(value).toString('hex');
      const shown = 'record' in content ? { record: exactJson(content.record) } : { why: content.why, hex };
      print(jsonLines({ ...deadLetterJson(deadLetter), headers: headerTexts(deadLetter), ...shown }));
      return exitCodes.done;
    }
    const width = widthOf(process.stdout);
    print(`${deadLetterDetails(deadLetter, width)}\n`);
    if ('record' in content) print(prettyJson(content.record));
    else print(`${foldLines(content.why, width)}\n${hexDump(value)}`.trimEnd());
    return exitCodes.done;
  });
}

async function redrive(selection: Selection, signal: AbortSignal): Promise<ExitCode> {
  return withKafka(signal, async (services) => {
    const choice = await chooseDeadLetters(services, selection, true);
    printSettled(choice.settled);
    if (choice.chosen.length === 0) return printNoneChosen(choice.all);
    const counts = { redriven: 0, failed: 0, skipped: 0 };
    await redriveDeadLetters(services, choice, ({ deadLetter, outcome }) => {
      counts[outcome.kind]++;
      printDeadLetter(deadLetter, outcomeText(outcome));
    });
    const parts = [`${counts.redriven} redriven`];
    if (counts.failed > 0) parts.push(`${counts.failed} failed again`);
    if (counts.skipped > 0) parts.push(`${counts.skipped} skipped`);
    print(parts.join(', '));
    return counts.failed + counts.skipped > 0 ? exitCodes.someWorkFailed : exitCodes.done;
  });
}

async function discard(selection: Selection, reason: string, signal: AbortSignal): Promise<ExitCode> {
  return withKafka(signal, async (services) => {
    const choice = await chooseDeadLetters(services, selection, false);
    printSettled(choice.settled);
    if (choice.chosen.length === 0) return printNoneChosen(choice.all);
    const counts = { discarded: 0, skipped: 0 };
    await discardDeadLetters(services, choice, reason, ({ deadLetter, outcome }) => {
      counts[outcome.kind]++;
      printDeadLetter(deadLetter, outcome.kind === 'discarded' ? outcome.kind : outcomeText(outcome));
    });
    print(`${counts.discarded} discarded${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''}`);
    return counts.skipped > 0 ? exitCodes.someWorkFailed : exitCodes.done;
  });
}

/** @throws ConfigError for neither ids nor filters, for both, or for an invalid one. */
function parseSelection(command: string, ids: readonly string[], options: Options): Selection {
  const { streams, step, all } = options;
  const isFiltered = streams !== undefined || step !== undefined || all === true;
  if (ids.length === 0 && !isFiltered)
    throw new ConfigError(`${command} needs IDs, --streams a,b, --step produce or sink, or --all`);
  if (ids.length > 0 && isFiltered)
    throw new ConfigError(`${command} accepts either IDs or --streams, --step or --all; got both`);
  if (!isFiltered) return { idPrefixes: ids.map(parseIdPrefix) };
  return { filter: { ...parseFilter(options, Date.now()), includesSettled: false } };
}

function withKafka(signal: AbortSignal, work: (services: Connections<'admin'>) => Promise<ExitCode>) {
  return withConnections(loadSettings(), { name: 'dead-letters', needs: ['admin'] }, signal, work);
}

function outcomeText(outcome: RedriveOutcome): string {
  if (outcome.kind === 'redriven') return outcome.how;
  return outcome.kind === 'failed' ? `failed again: ${outcome.error.message}` : `skipped: ${outcome.why}`;
}

function printSettled(deadLetters: readonly StoredDeadLetter[]): void {
  for (const deadLetter of deadLetters) printDeadLetter(deadLetter, `already ${deadLetter.state}`);
}

function printNoneChosen(deadLetters: readonly StoredDeadLetter[]): ExitCode {
  const pending = deadLetters.filter(({ state }) => state === 'waiting').length;
  print(
    pending === 0
      ? NONE_PENDING
      : `none of the selected dead letters is pending (pending in total: ${pending})`,
  );
  return exitCodes.done;
}

function printDeadLetter(deadLetter: StoredDeadLetter, text: string): void {
  const line = `${shortId(deadLetter)}  ${deadLetter.stream}  ${deadLetter.step}  ${visibleLine(text)}`;
  print(foldLines(line, widthOf(process.stdout)));
}

function print(line: string): void {
  printText(`${line}\n`);
}
