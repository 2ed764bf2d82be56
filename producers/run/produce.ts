import { randomUUID } from 'node:crypto';
import { allSettled } from '../../core/all-settled.ts';
import type { KafkaAdmin } from '../../core/kafka/admin.ts';
import type { Settings } from '../../core/settings/config.ts';
import { StoppedError, StreamNotFoundError } from '../../core/errors.ts';
import { logger, withRunId } from '../../core/logger.ts';
import { ownMessageLimit, readMessageLimits, type MessageLimit } from '../../core/kafka/message-limits.ts';
import type { GroupLock } from '../../core/kafka/group-lock.ts';
import { areClaimed, claimStreams } from '../../core/kafka/run-claim.ts';
import { readTopics } from '../../core/kafka/topic-reader.ts';
import { inSpan, type Span } from '../../core/telemetry/spans.ts';
import { checkpointsTopic, deadLettersTopic, topicOf } from '../../core/stream-name.ts';
import type { StreamSpec } from '../chartmogul/streams.ts';
import { parentFailed, readParents, type Parents } from './parents.ts';
import { produceStream } from './produce-stream.ts';
import type { RunContext, RunOptions } from './run-context.ts';
import {
  failureOf,
  withCheckedSource,
  type CheckedSource,
  type SourceConnections,
} from './source-connections.ts';
import { startProgress } from '../report/progress.ts';
import { readBack, type KnownState } from '../state/read-back.ts';
import { RUNS, sendRun } from '../publish/send-run.ts';
import { StreamCounts } from '../report/stream-counts.ts';
import { TransactionalProducer } from '../publish/transactional-producer.ts';

/**
 * Runs one pass over the streams concurrently. A stream that fails stops only its child streams; a
 * rejected key stops all streams. Until every service has responded, nothing is written except the
 * record of a failed run. When the signal aborts, each stream commits the pages that it has read,
 * and the next pass resumes there.
 *
 * @param onBegin receives the live counts, which are returned at the end.
 * @throws ConfigError, ServiceUnavailableError, ServiceRefusedError before any stream begins;
 * RunActiveError if another run is active on one of the streams.
 */
export async function produce(
  settings: Settings,
  specs: readonly StreamSpec[],
  signal: AbortSignal,
  options: RunOptions = { run: randomUUID(), isFull: false, isMassDeleteAllowed: false },
  onBegin: (counts: readonly StreamCounts[]) => void = () => undefined,
): Promise<readonly StreamCounts[]> {
  return withRunId(options.run, () =>
    inSpan('produce', { 'chartmogul.run': options.run, 'chartmogul.streams': specs.length }, () =>
      withCheckedSource(settings, 'produce', signal, (source) =>
        produceStreams(source, specs, options, onBegin),
      ),
    ),
  );
}

async function produceStreams(
  source: CheckedSource,
  specs: readonly StreamSpec[],
  options: RunOptions,
  onBegin: (counts: readonly StreamCounts[]) => void,
): Promise<readonly StreamCounts[]> {
  const { settings, admin, refusal, signal } = source;
  const { topicPrefix } = settings;
  const counts = specs.map(({ name }) => new StreamCounts(name, topicOf(topicPrefix, name)));
  onBegin(counts);
  const progress = process.stderr.isTTY ? startProgress(counts, process.stderr) : undefined;
  const producers = new Map<string, TransactionalProducer>();
  const names = specs.map(({ name }) => name);
  let claim: GroupLock | undefined;
  let opening: Promise<void> | undefined;
  let recorded: Promise<void> | undefined;
  let messageLimit = ownMessageLimit;
  try {
    // Checked first, so that a run with a wrong key or address never ends a working run.
    if (refusal !== undefined) {
      failAll(counts, refusal);
      await recordRefusal(admin, settings, options.run, counts);
      return counts;
    }
    // Opening a producer takes several requests, but changes nothing.
    opening = openProducers(settings, specs, producers, (topic) => messageLimit(topic));
    opening.catch(() => {});
    const shared = [checkpointsTopic(topicPrefix), deadLettersTopic(topicPrefix)];
    const certain = specs.filter(({ isOptional }) => isOptional !== true).map(({ name }) => name);
    const ownTopics = [...certain, RUNS].map((stream) => topicOf(topicPrefix, stream));
    await admin.ensureTopics([...shared, ...ownTopics]);
    const isTakingOver = options.isTakingOver === true;
    const reading = readMessageLimits(admin, [...counts.map(({ topic }) => topic), ...shared]);
    reading.catch(() => {});
    claim = await claimStreams(admin, settings, { names, isTakingOver }, signal);
    messageLimit = await reading;
    await opening;
    // Fencing aborts open transactions of earlier producers, so it precedes reading the topics.
    await allSettled([...producers.values()].map((producer) => producer.fence()));
    const known = await readBack(settings, names, signal);
    const outcomes = new Map<string, Promise<StreamCounts>>();
    const parentsOf = rememberParents(source, known, outcomes);
    const { deadLetters, discarded } = known;
    const state = { deadLetters, discarded, parentsOf };
    const context: RunContext = { ...source, ...state, options, messageLimit, readTopics };
    for (const [index, spec] of specs.entries()) {
      const streamCounts = counts[index];
      const producer = producers.get(spec.name);
      const state = known.streams.get(spec.name);
      if (streamCounts === undefined || producer === undefined || state === undefined) continue;
      outcomes.set(
        spec.name,
        inSpan('produce stream', { 'chartmogul.stream': spec.name }, (span) =>
          runStream(source, streamCounts, () => {
            const unreadable = known.unreadable.get(spec.name);
            if (unreadable !== undefined) throw unreadable;
            return produceStream(context, spec, state, producer, streamCounts);
          }).finally(() => describe(span, streamCounts)),
        ),
      );
    }
    await Promise.all(outcomes.values());
    doubtAbsence(settings, counts);
    recorded = sendRun(settings, options.run, counts);
    return counts;
  } finally {
    progress?.stop();
    await Promise.all([recorded, closeProducers(admin, opening, producers), claim?.release()]);
  }
}

/** Closes the producers once readers see their messages. */
async function closeProducers(
  admin: KafkaAdmin,
  opening: Promise<void> | undefined,
  producers: ReadonlyMap<string, TransactionalProducer>,
): Promise<void> {
  // Producers that are still opening after a failure must also be closed.
  await opening?.catch(() => {});
  await TransactionalProducer.awaitVisible(admin, producers.values());
  await Promise.all([...producers.values()].map((producer) => producer.close()));
}

/**
 * Fails the run if the server has none of the streams: the address is wrong, or the key has no
 * access.
 */
function doubtAbsence({ chartmogul }: Settings, counts: readonly StreamCounts[]): void {
  const reason = counts.find(({ absence }) => absence !== undefined)?.absence;
  if (reason === undefined || !counts.every(({ isAbsent }) => isAbsent)) return;
  const message = `${chartmogul.baseUrl} (CHARTMOGUL_BASE_URL) has none of the streams: check that it is the address of the API and ends in /v1. ${reason}`;
  failAll(counts, new StreamNotFoundError(message));
}

function failAll(counts: readonly StreamCounts[], failure: Error): void {
  for (const count of counts) {
    count.isAbsent = false;
    count.state = 'failed';
    count.failure = failure;
  }
  logger.error({ reason: failure.message }, 'run failed');
}

/** Records the failure if the topic `runs` exists. An active run records its streams itself. */
async function recordRefusal(
  admin: KafkaAdmin,
  settings: Settings,
  run: string,
  counts: readonly StreamCounts[],
): Promise<void> {
  const { topicPrefix } = settings;
  if (!(await admin.listTopics()).includes(topicOf(topicPrefix, RUNS))) return;
  const names = counts.map(({ stream }) => stream);
  if (!(await areClaimed(admin, topicPrefix, names))) await sendRun(settings, run, counts);
}

/**
 * Opens a producer for each stream. Waits for all of them even if one fails, so that all can be
 * closed.
 *
 * @throws ServiceUnavailableError, ServiceRefusedError
 */
async function openProducers(
  settings: Settings,
  specs: readonly StreamSpec[],
  producers: Map<string, TransactionalProducer>,
  messageLimit: MessageLimit,
): Promise<void> {
  await allSettled(
    specs.map(async ({ name }) => {
      producers.set(name, await TransactionalProducer.open(settings, name, messageLimit));
    }),
  );
}

function describe(span: Span, counts: StreamCounts): void {
  const { pages, requests, retries, records, messages, deleted, deadLettered, failure } = counts;
  const numbers = { pages, requests, retries, records, messages, deleted, dead_letters: deadLettered };
  span.set(Object.fromEntries(Object.entries(numbers).map(([name, value]) => [`chartmogul.${name}`, value])));
  if (failure !== undefined) span.fail(failure);
}

/** Never throws: records a failure in the counts. */
async function runStream(
  source: SourceConnections,
  counts: StreamCounts,
  work: () => Promise<void>,
): Promise<StreamCounts> {
  const startMs = performance.now();
  counts.startedAtMs = Date.now();
  try {
    await work();
    counts.state = 'done';
  } catch (error) {
    const { signal } = source;
    counts.state = signal.aborted && signal.reason instanceof StoppedError ? 'stopped' : 'failed';
    counts.failure = failureOf(counts.stream, error, source);
  }
  counts.seconds = Math.round((performance.now() - startMs) / 100) / 10;
  const { stream, pages, records, messages, deleted, seconds } = counts;
  if (counts.failure === undefined && !counts.isAbsent)
    logger.info({ stream, pages, records, messages, deleted, seconds }, 'stream read');
  return counts;
}

/** Returns a function that reads the records of a parent stream, at most once per run. */
function rememberParents(
  source: SourceConnections,
  known: KnownState,
  outcomes: ReadonlyMap<string, Promise<StreamCounts>>,
): RunContext['parentsOf'] {
  const parents = new Map<string, Promise<Parents>>();
  const read = async (stream: string) => {
    const outcome = await outcomes.get(stream);
    const keys = known.streams.get(stream)?.keys;
    if (outcome === undefined || outcome.failure !== undefined || keys === undefined)
      throw parentFailed(stream);
    if (outcome.isAbsent)
      throw new StreamNotFoundError(
        `${stream} is absent from this account, so its child lists cannot be read`,
      );
    return readParents(source, stream, keys);
  };
  return (stream) => {
    const asked = parents.get(stream) ?? read(stream);
    parents.set(stream, asked);
    return asked;
  };
}
