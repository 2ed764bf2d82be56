import { randomUUID } from 'node:crypto';
import type { KafkaAdmin } from '../../core/kafka/admin.ts';
import { withConnections, type Connections } from '../../core/connections.ts';
import type { Settings } from '../../core/settings/config.ts';
import { EtlError, StoppedError, StreamNotFoundError } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import { readMessageLimits, type MessageLimit } from '../../core/kafka/message-limits.ts';
import { RunClaim } from '../../core/kafka/run-claim.ts';
import { checkpointsTopic, deadLettersTopic, topicOf } from '../../core/stream-name.ts';
import { ChartMogulClient } from '../chartmogul/client.ts';
import type { StreamSpec } from '../chartmogul/streams.ts';
import { parentFailed, readParents, type Parents } from './parents.ts';
import { produceStream } from './produce-stream.ts';
import type { RunContext, RunOptions } from './run-context.ts';
import { startProgress } from '../report/progress.ts';
import { readBack, type KnownState } from '../state/read-back.ts';
import { RUNS, sendRun } from '../publish/send-run.ts';
import { StreamCounts } from '../report/stream-counts.ts';
import { failureOf } from './stream-failure.ts';
import { TransactionalProducer } from '../publish/transactional-producer.ts';

/**
 * One pass over the streams, side by side. A stream that fails leaves the others whole; a refused key stops them all.
 * Nothing is written before every service has answered: with a key or an address that does not work every stream has failed. When the signal aborts, each stream commits the pages that it has
 * read; the next pass goes on from there.
 *
 * @param onBegin gets the counts while they are live.
 * @returns the counts of each stream, in the order given.
 * @throws ConfigError, ServiceUnavailableError, ServiceRefusedError before any stream begins; RunActiveError where another run
 *   is active on any of the streams.
 */
export async function produce(
  settings: Settings,
  specs: readonly StreamSpec[],
  signal: AbortSignal,
  options: RunOptions = { run: randomUUID(), isFull: false, isMassDeleteAllowed: false },
  onBegin: (counts: readonly StreamCounts[]) => void = () => undefined,
): Promise<readonly StreamCounts[]> {
  // A refused key aborts the streams that are still running.
  const stop = new AbortController();
  const running = AbortSignal.any([signal, stop.signal]);
  const role = { name: 'produce', needs: ['admin', 'registry'] } as const;
  return withConnections(settings, role, running, (connections) =>
    produceStreams(connections, specs, stop, options, onBegin),
  );
}

async function produceStreams(
  { settings, admin, registry, signal: running }: Connections<'admin' | 'registry'>,
  specs: readonly StreamSpec[],
  stop: AbortController,
  options: RunOptions,
  onBegin: (counts: readonly StreamCounts[]) => void,
): Promise<readonly StreamCounts[]> {
  const { topicPrefix } = settings;
  const client = new ChartMogulClient(settings.chartmogul, running);
  const counts = specs.map(({ name }) => new StreamCounts(name, topicOf(topicPrefix, name)));
  onBegin(counts);
  const progress = process.stderr.isTTY ? startProgress(counts, process.stderr) : undefined;
  const producers = new Map<string, TransactionalProducer>();
  const names = specs.map(({ name }) => name);
  let claim: RunClaim | undefined;
  try {
    const refusal = await refusalOf(client, running);
    if (refusal !== undefined) {
      failAll(counts, refusal);
      await tellRefusal(admin, settings, options.run, counts);
      return counts;
    }
    const topics = specs.filter(({ isOptional }) => isOptional !== true).map(({ name }) => name);
    await admin.ensureTopics([
      checkpointsTopic(topicPrefix),
      deadLettersTopic(topicPrefix),
      ...[...topics, RUNS].map((stream) => topicOf(topicPrefix, stream)),
    ]);
    const isTakingOver = options.isTakingOver === true;
    claim = await RunClaim.acquire(admin, settings, { names, isTakingOver }, running);
    // Before anything is read back: what an earlier producer left open is ended by it, and nobody writes any more.
    const written = [
      ...names.map((name) => topicOf(topicPrefix, name)),
      checkpointsTopic(topicPrefix),
      deadLettersTopic(topicPrefix),
    ];
    const messageLimit = await readMessageLimits(admin, written);
    await connectProducers(settings, specs, producers, messageLimit);
    const known = await readBack(admin, settings, names, running);
    const { deadLetters, discarded } = known;
    const learnt = { deadLetters, discarded, messageLimit };
    const shared = { settings, options, client, registry, admin, ...learnt, signal: running };
    const outcomes = new Map<string, Promise<StreamCounts>>();
    const parentsOf = rememberParents(shared, known, outcomes);
    const context: RunContext = { ...shared, parentsOf };
    for (const [index, spec] of specs.entries()) {
      const streamCounts = counts[index];
      const producer = producers.get(spec.name);
      const state = known.streams.get(spec.name);
      if (streamCounts === undefined || producer === undefined || state === undefined) continue;
      outcomes.set(
        spec.name,
        runStream(context, streamCounts, stop, () => {
          const unreadable = known.unreadable.get(spec.name);
          if (unreadable !== undefined) throw unreadable;
          return produceStream(context, spec, state, producer, streamCounts);
        }),
      );
    }
    await Promise.all(outcomes.values());
    doubtAbsence(settings, counts);
    await sendRun(settings, options.run, counts);
    return counts;
  } finally {
    progress?.stop();
    // Of a stream that failed, requests may still be under way, and would be tried again.
    stop.abort(new StoppedError('the run is over'));
    await Promise.all([...producers.values()].map((producer) => producer.close()));
    await Promise.all([claim?.release(), client.close()]);
  }
}

/** Where a server has none of the streams, it is the address that is wrong, or all access is lost. */
function doubtAbsence({ chartmogul }: Settings, counts: readonly StreamCounts[]): void {
  const reason = counts.find(({ absence }) => absence !== undefined)?.absence;
  if (reason === undefined || !counts.every(({ isAbsent }) => isAbsent)) return;
  const failure = new StreamNotFoundError(
    `${chartmogul.baseUrl} (CHARTMOGUL_BASE_URL) has none of the streams: is it the address of the API, and does it end in /v1? ${reason}`,
  );
  failAll(counts, failure);
}

function failAll(counts: readonly StreamCounts[], failure: Error): void {
  for (const count of counts) {
    count.isAbsent = false;
    count.state = 'failed';
    count.failure = failure;
  }
  logger.error({ reason: failure.message }, 'run failed');
}

/** Why key or address do not work, asked before anything else is done: a mistyped run must not end one that is well. */
async function refusalOf(client: ChartMogulClient, signal: AbortSignal): Promise<EtlError | undefined> {
  try {
    await client.ping();
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof EtlError)) throw error;
    return error;
  }
}

/** On the topic of runs, if there is one; a run that is active has its own say about its streams. */
async function tellRefusal(
  admin: KafkaAdmin,
  settings: Settings,
  run: string,
  counts: readonly StreamCounts[],
): Promise<void> {
  const { topicPrefix } = settings;
  const topics = await admin.listTopics();
  const names = counts.map(({ stream }) => stream);
  if (!topics.includes(topicOf(topicPrefix, RUNS))) return;
  if (!(await RunClaim.isHeld(admin, topicPrefix, names))) await sendRun(settings, run, counts);
}

/** All that can be connected are, so that all can be closed. @throws ServiceUnavailableError, ServiceRefusedError */
async function connectProducers(
  settings: Settings,
  specs: readonly StreamSpec[],
  producers: Map<string, TransactionalProducer>,
  messageLimit: MessageLimit,
): Promise<void> {
  const connecting = specs.map(async ({ name }) => {
    producers.set(name, await TransactionalProducer.connect(settings, name, messageLimit));
  });
  const failed = (await Promise.allSettled(connecting)).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}

/** Never throws: what went wrong stands in the counts. */
async function runStream(
  { signal }: RunContext,
  counts: StreamCounts,
  stop: AbortController,
  work: () => Promise<void>,
): Promise<StreamCounts> {
  const startMs = performance.now();
  counts.startedAtMs = Date.now();
  try {
    await work();
    counts.state = 'done';
  } catch (error) {
    counts.state = signal.aborted && signal.reason instanceof StoppedError ? 'stopped' : 'failed';
    counts.failure = failureOf(counts.stream, error, { signal, stop });
  }
  counts.seconds = Math.round((performance.now() - startMs) / 100) / 10;
  const { stream, pages, records, messages, deleted, seconds } = counts;
  if (counts.failure === undefined && !counts.isAbsent)
    logger.info({ stream, pages, records, messages, deleted, seconds }, 'stream read');
  return counts;
}

/** The parents of a stream are read once in a run, however many streams have them. */
function rememberParents(
  { admin, settings, signal }: Omit<RunContext, 'parentsOf'>,
  known: KnownState,
  outcomes: ReadonlyMap<string, Promise<StreamCounts>>,
): RunContext['parentsOf'] {
  const parents = new Map<string, Promise<Parents>>();
  const read = async (stream: string) => {
    const outcome = await outcomes.get(stream);
    const keys = known.streams.get(stream)?.keys;
    if (outcome === undefined || outcome.failure !== undefined || keys === undefined) {
      throw parentFailed(stream);
    }
    if (outcome.isAbsent)
      throw new StreamNotFoundError(`${stream}, whose list says whom to visit, is absent from this account`);
    return readParents(admin, settings, stream, keys, signal);
  };
  return (stream) => {
    const asked = parents.get(stream) ?? read(stream);
    parents.set(stream, asked);
    return asked;
  };
}
