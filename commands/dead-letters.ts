import type { Admin } from 'kafkajs';
import { redriveRows } from '../operations/redrive/sink/redrive.ts';
import { letterContent } from '../operations/redrive/sink/decode-letter.ts';
import { Registry } from '../core/avro/registry.ts';
import { createClickHouse, probeClickHouse } from '../core/clickhouse/client.ts';
import { loadSettings, type Settings } from '../core/settings/config.ts';
import {
  isMeant,
  letterById,
  parseFilter,
  parseIdPrefix,
  type FilterOptions,
  type LetterFilter,
} from '../core/dead-letters/choice.ts';
import type { Redriven } from '../core/dead-letters/mark.ts';
import { letterSteps, type SinkLetter, type StoredLetter } from '../core/dead-letters/parse-letter.ts';
import { readLetters } from '../core/dead-letters/read-letters.ts';
import {
  exactJson,
  foldedLine,
  headerTexts,
  hexDump,
  hexPart,
  jsonLines,
  letterDetails,
  letterJson,
  letterTable,
  nothingWaits,
  prettyJson,
  shortId,
  totalLine,
  widthOf,
} from '../core/dead-letters/text.ts';
import { ConfigError } from '../core/errors.ts';
import { askKafka, connectAdmin } from '../core/kafka/client.ts';
import { toEtlError } from '../core/kafka/kafka-error.ts';
import { createCommand, exitCodes, runMain, type ExitCode } from '../core/process.ts';
import { probeRetry } from '../core/retry.ts';
import { RunClaim } from '../core/kafka/run-claim.ts';
import { integer } from '../core/settings/setting-values.ts';
import { deadLettersTopic, streamOfTopic } from '../core/stream-name.ts';
import { knownStreams } from '../producers/chartmogul/known-streams.ts';
import { redriveRecords } from '../operations/redrive/produce/redrive.ts';
import { DEAD_LETTERS, RedriveProducer } from '../operations/redrive/produce/redrive-producer.ts';
import { print as printText, visibleLine } from '../core/terminal/terminal.ts';

interface Options extends FilterOptions {
  readonly limit?: string;
  readonly json?: true;
}

/** What a subcommand works with. */
interface Context {
  readonly settings: Settings;
  readonly admin: Admin;
  readonly signal: AbortSignal;
}

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 1_000_000;

await runMain(async (signal) => {
  let run: () => Promise<ExitCode> = () => Promise.resolve(exitCodes.wrongSettings);
  const command = createCommand(
    'dead-letters',
    'Shows the records and messages that were set aside, and sends them on their way again.',
  );
  command
    .command('list')
    .description('the letters that wait, newest first')
    .option('--streams <a,b>', 'only of these streams')
    .option('--step <name>', `only of this step: ${letterSteps.join(' or ')}`)
    .option('--reason <text>', 'only with this text in their code or reason')
    .option('--since <time>', 'only those set aside since then, such as 2026-01-31T12:00Z, 2h or 3d')
    .option('--all', 'also those that were redriven or discarded')
    .option('--limit <n>', `at most so many, ${DEFAULT_LIMIT} unless told otherwise`)
    .option('--json', 'as JSON, all of them unless there is a limit')
    .action((options: Options) => {
      run = () => list(options, signal);
    });
  command
    .command('show <ID>')
    .description('one letter: its headers and what was set aside, decoded where that is possible')
    .option('--json', 'as JSON')
    .action((id: string, options: Options) => {
      run = () => show(id, options, signal);
    });
  command
    .command('redrive [IDs...]')
    .description('sends letters back through the step that set them aside, each once, and marks them')
    .option('--streams <a,b>', 'those of these streams')
    .option('--step <name>', `those of this step: ${letterSteps.join(' or ')}`)
    .option('--all', 'all that wait')
    .action((ids: string[], options: Options) => {
      run = () => withChosen('redrive', ids, options, signal, redriveAll);
    });
  command
    .command('discard [IDs...]')
    .description('gives letters up: they no longer count, and a record that changes is tried again')
    .option('--reason <text>', 'why, for those who come after', 'no reason given')
    .option('--streams <a,b>', 'those of these streams')
    .option('--step <name>', `those of this step: ${letterSteps.join(' or ')}`)
    .option('--all', 'all that wait')
    .action((ids: string[], options: Options) => {
      run = () =>
        withChosen('discard', ids, options, signal, (context, chosen) =>
          discardAll(context, chosen, options.reason ?? ''),
        );
    });
  command.parse();
  return run();
});

async function list(options: Options, signal: AbortSignal): Promise<ExitCode> {
  const isJson = options.json === true;
  const limit = options.limit === undefined ? undefined : integer('--limit', options.limit, 1, MAX_LIMIT);
  const filter = parseFilter(options, Date.now());
  return withKafka(signal, async (context) => {
    const { letters, others } = await readLetters(context.admin, context.settings, () => false, signal);
    await checkStreams(context, filter, letters);
    const meant = letters
      .filter((letter) => isMeant(letter, filter))
      .sort((a, b) => b.setAsideMs - a.setAsideMs);
    const shown = meant.slice(0, limit ?? (isJson ? Infinity : DEFAULT_LIMIT));
    if (isJson) print(JSON.stringify(shown.map(letterJson), null, 2));
    else {
      if (shown.length > 0) print(letterTable(shown, widthOf(process.stdout)));
      print(totalLine(meant, shown.length));
      if (others > 0) print(`${others} other messages on ${deadLettersTopic(context.settings.topicPrefix)}`);
    }
    return exitCodes.done;
  });
}

async function show(id: string, options: Options, signal: AbortSignal): Promise<ExitCode> {
  const prefix = parseIdPrefix(id);
  return withKafka(signal, async ({ admin, settings }) => {
    const isAsked = (letter: StoredLetter) => letter.id.startsWith(prefix);
    const { letters } = await readLetters(admin, settings, isAsked, signal);
    const letter = letterById(letters, prefix);
    const value = letter.value ?? Buffer.alloc(0);
    const content = await letterContent(letter, value, new Registry(settings.schemaRegistry, signal));
    if (options.json === true) {
      const shown =
        'record' in content
          ? { record: exactJson(content.record) }
          : { why: content.why, hex: hexPart(value).toString('hex') };
      print(jsonLines({ ...letterJson(letter), headers: headerTexts(letter), ...shown }));
      return exitCodes.done;
    }
    const width = widthOf(process.stdout);
    print(`${letterDetails(letter, width)}\n`);
    if ('record' in content) print(prettyJson(content.record));
    else print([foldedLine(content.why, width), hexDump(value)].join('\n').trimEnd());
    return exitCodes.done;
  });
}

/** Does something with the letters that IDs or filters name and that wait; the others are named. */
async function withChosen(
  command: 'redrive' | 'discard',
  ids: readonly string[],
  options: Options,
  signal: AbortSignal,
  work: (
    context: Context,
    chosen: readonly StoredLetter[],
    letters: readonly StoredLetter[],
  ) => Promise<ExitCode>,
): Promise<ExitCode> {
  const prefixes = ids.map(parseIdPrefix);
  const { streams, step, all } = options;
  const isFiltered = streams !== undefined || step !== undefined || all === true;
  if (prefixes.length === 0 && !isFiltered)
    throw new ConfigError(`${command} wants IDs, --streams a,b, --step produce or sink, or --all`);
  if (prefixes.length > 0 && isFiltered)
    throw new ConfigError(`${command} got IDs and --streams, --step or --all, wants one or the other`);
  // Of discard, --reason is why, and no filter.
  const filter = { ...parseFilter(options, Date.now()), reason: undefined, isSettledToo: false };
  return withKafka(signal, async (context) => {
    const isAsked = (letter: StoredLetter) =>
      isFiltered ? isMeant(letter, filter) : prefixes.some((prefix) => letter.id.startsWith(prefix));
    const { letters } = await readLetters(context.admin, context.settings, isAsked, signal);
    await checkStreams(context, filter, letters);
    const asked = isFiltered
      ? letters.filter(isAsked)
      : [...new Set(prefixes.map((prefix) => letterById(letters, prefix)))];
    // Who names a discarded letter wants it back.
    const isOpen = ({ state }: StoredLetter) =>
      state === 'waiting' || (command === 'redrive' && state === 'discarded');
    for (const letter of asked) if (!isOpen(letter)) printLetter(letter, `was ${letter.state} before`);
    const chosen = asked.filter(isOpen);
    if (chosen.length > 0) return work(context, chosen, letters);
    const others = letters.filter(({ state }) => state === 'waiting').length;
    print(others === 0 ? nothingWaits : `none of these waits; of the others ${others} do`);
    return exitCodes.done;
  });
}

async function discardAll(
  { admin, settings, signal }: Context,
  chosen: readonly StoredLetter[],
  reason: string,
): Promise<ExitCode> {
  const claim = await RunClaim.acquire(
    admin,
    settings,
    { names: [DEAD_LETTERS], isTakingOver: false },
    signal,
  );
  try {
    const producer = await RedriveProducer.connect(settings);
    try {
      for (const letter of chosen) {
        await producer.mark(letter, { kind: 'discarded', reason });
        printLetter(letter, 'discarded');
      }
    } finally {
      await producer.close();
    }
  } finally {
    await claim.release();
  }
  print(`${chosen.length} discarded`);
  return exitCodes.done;
}

async function redriveAll(
  { admin, settings, signal }: Context,
  chosen: readonly StoredLetter[],
  letters: readonly StoredLetter[],
): Promise<ExitCode> {
  const isSinks = (letter: StoredLetter): letter is SinkLetter => letter.step === 'sink';
  const rows = chosen.filter(isSinks);
  const records = chosen.filter((letter) => letter.step === 'produce');
  const registry = new Registry(settings.schemaRegistry, signal);
  const clickhouse = createClickHouse(settings.clickhouse);
  let producer: RedriveProducer | undefined;
  let claim: RunClaim | undefined;
  const count = { redriven: 0, again: 0, left: 0 };
  const tell = ({ letter, outcome }: Redriven) => {
    count[outcome.kind]++;
    if (outcome.kind === 'redriven') printLetter(letter, outcome.how);
    else if (outcome.kind === 'again') printLetter(letter, `fails again: ${outcome.error.message}`);
    else printLetter(letter, `left: ${outcome.why}`);
  };
  try {
    await registry.probe(probeRetry);
    if (rows.length > 0) await probeClickHouse(clickhouse, settings.clickhouse, signal);
    // What a run reads meanwhile would be overtaken by an older record of a letter.
    const names = [DEAD_LETTERS, ...new Set(records.map(({ stream }) => stream))];
    claim = await RunClaim.acquire(admin, settings, { names, isTakingOver: false }, signal);
    producer = await RedriveProducer.connect(settings);
    const marking = producer;
    const shared = { admin, registry, settings, signal };
    for await (const redriven of redriveRecords(records, { ...shared, producer })) tell(redriven);
    const waiting = letters.filter(isSinks).filter(({ state }) => state !== 'redriven');
    const mark = (...marked: Parameters<RedriveProducer['mark']>) => marking.mark(...marked);
    for await (const redriven of redriveRows(rows, waiting, { ...shared, clickhouse, mark })) tell(redriven);
  } finally {
    await Promise.all([producer?.close(), clickhouse.close()]);
    await claim?.release();
  }
  const parts = [`${count.redriven} redriven`];
  if (count.again > 0) parts.push(`${count.again} failed again`);
  if (count.left > 0) parts.push(`${count.left} left`);
  print(parts.join(', '));
  return count.again + count.left > 0 ? exitCodes.someWorkFailed : exitCodes.done;
}

/** A stream is known by its settings, its topic or its letters. @throws ConfigError */
async function checkStreams(
  { admin, settings, signal }: Context,
  { streams = [] }: LetterFilter,
  letters: readonly StoredLetter[],
): Promise<void> {
  if (streams.length === 0) return;
  const topics = await askKafka(settings.kafka, signal, () => admin.listTopics());
  const known = new Set([
    ...knownStreams(settings).map(({ name }) => name),
    ...topics.flatMap((topic) => streamOfTopic(settings.topicPrefix, topic) ?? []),
    ...letters.map(({ stream }) => stream),
  ]);
  const unknown = streams.find((stream) => !known.has(stream));
  if (unknown !== undefined)
    throw new ConfigError(
      `--streams got "${unknown.slice(0, 80)}", wants some of ${[...known].sort().join(', ')}`,
    );
}

async function withKafka(
  signal: AbortSignal,
  work: (context: Context) => Promise<ExitCode>,
): Promise<ExitCode> {
  const settings = loadSettings();
  const admin = await connectAdmin(settings.kafka, 'dead-letters', signal);
  try {
    return await work({ settings, admin, signal });
  } catch (error) {
    throw toEtlError(error, settings.kafka);
  } finally {
    await admin.disconnect();
  }
}

function printLetter(letter: StoredLetter, said: string): void {
  const line = `${shortId(letter)}  ${letter.stream}  ${letter.step}  ${visibleLine(said)}`;
  print(foldedLine(line, widthOf(process.stdout)));
}

function print(line: string): void {
  printText(`${line}\n`);
}
