import { Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { AccessDeniedError, RateLimitedError, StreamNotFoundError } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import { checkpointsTopic, deadLettersTopic } from '../../core/stream-name.ts';
import { beginCheckpoint, CheckpointTracker } from '../state/checkpoint-tracker.ts';
import type { SourceEvent } from '../chartmogul/source-list.ts';
import { isListed, readStream } from '../chartmogul/stream-reader.ts';
import { isAbsence, type StreamObserver } from '../chartmogul/stream-source.ts';
import type { StreamSpec } from '../chartmogul/streams.ts';
import { sendDeletes } from './send-deletes.ts';
import type { StreamState } from '../state/read-back.ts';
import type { RunContext, RunOptions } from './run-context.ts';
import type { StreamCounts } from '../report/stream-counts.ts';
import { StreamEncoder } from './stream-encoder.ts';
import type { TransactionalProducer } from '../publish/transactional-producer.ts';
import { TransactionWritable } from '../publish/transaction-writable.ts';
import { Visits } from './visits.ts';

/**
 * Reads one stream to its end: pages → records → Avro → topic. Backpressure extends from Kafka to
 * the HTTP socket: while a transaction commits, one or two pages wait and the next is not
 * requested. However reading ends, the pages read so far are committed, and the next run resumes
 * after them.
 *
 * @throws the errors of reading, encoding and committing; the signal's reason.
 */
export async function produceStream(
  context: RunContext,
  spec: StreamSpec,
  state: StreamState,
  producer: TransactionalProducer,
  counts: StreamCounts,
): Promise<void> {
  const { settings, options, client, signal } = context;
  const { topicPrefix } = settings;
  const begun = beginCheckpoint(state.checkpoint, {
    run: options.run,
    nowMs: Date.now(),
    isFull: options.isFull,
    fullRoundDays: settings.produce.fullRoundDays,
    isListed: (id, slice) => isListed(spec, id, slice),
  });
  const tracker = new CheckpointTracker(spec.name, begun.checkpoint);
  counts.isResumed = begun.isResumed;
  const { expectedPages, pages: pagesBefore } = begun.checkpoint;
  counts.expectedPages = expectedPages === undefined ? undefined : Math.max(expectedPages - pagesBefore, 0);

  const mode = settings.produce.modes.get(spec.name) ?? 'evolve';
  const { isFull } = begun.checkpoint;
  const encoder = new StreamEncoder({ ...context, ...state, topicPrefix, spec, mode, isFull, counts });
  // Not awaited yet, so that the first page is requested at the same time.
  const isRegistered = encoder.begin();
  isRegistered.catch(() => {});

  const reading: Reading = {};
  const observer = observerOf(counts, reading);
  const visits = spec.parent && new Visits(spec.name, state, begun.checkpoint.round, spec.parent.visit);
  const events = readStream({
    client,
    spec,
    observer,
    known: encoder,
    plan: {
      slices: begun.checkpoint.slices,
      metrics: settings.produce.metrics,
      isHistoryKnown: (id) =>
        !isFull && state.checkpoint?.isComplete === true && state.checkpoint.slices.has(id),
      visits: async () => {
        if (!spec.parent || !visits) throw new RangeError(`${spec.name} has no parent stream`);
        counts.expectedPages = visits.begin(await context.parentsOf(spec.parent.stream));
        return visits.due();
      },
      settled: () => visits?.settled() ?? [],
    },
  });
  const counted = countPages(events, counts, reading);
  // The topic of a stream that the account may lack is created only when it is needed.
  let topicCreated = spec.isOptional === true ? undefined : Promise.resolve();
  const target = new TransactionWritable({
    commit: async (batches) => {
      await (topicCreated ??= context.admin.ensureTopics([counts.topic]));
      await producer.commit(batches);
    },
    topics: {
      stream: counts.topic,
      checkpoints: checkpointsTopic(topicPrefix),
      deadLetters: deadLettersTopic(topicPrefix),
    },
    tracker,
    onCommitted: (messages, bytes) => {
      counts.messages += messages;
      counts.bytes += bytes;
    },
  });
  counts.state = 'reading';
  // The signal ends the source, not the pipeline, so the pages read so far are committed. Since
  // Node 22, a pipeline reports a failure only after the source's current request.
  await Promise.all([
    isRegistered,
    finished(target),
    pipeline(
      Readable.from(counted, { objectMode: true, highWaterMark: 1 }),
      async function* (source: AsyncIterable<SourceEvent>) {
        const encoded = encoder.encode(source);
        yield* visits?.settle(encoded) ?? encoded;
      },
      target,
    ),
  ]);
  if (isAbsence(reading.failure) && counts.pages === 0) reading.absence = reading.failure;
  else if ('failure' in reading) throw reading.failure;
  signal.throwIfAborted();

  if (reading.absence !== undefined) {
    noteAbsence(reading.absence, spec, state, options, counts);
    return;
  }
  counts.state = 'deleting';
  const visited = visits?.isBegun === true ? visits : undefined;
  await sendDeletes({ context, spec, state, producer, counts, observer, tracker, visits: visited });
}

/** The reason why the reading ended before the end of the lists. */
interface Reading {
  failure?: unknown;
  /** The account lacks the stream. */
  absence?: Error;
}

/**
 * Records that the account lacks a stream.
 *
 * @throws AccessDeniedError or StreamNotFoundError if an earlier run has read the stream, or if
 * `--streams` names it and it is not optional.
 */
function noteAbsence(
  reason: Error,
  { name, isOptional }: StreamSpec,
  state: StreamState,
  options: RunOptions,
  counts: StreamCounts,
): void {
  if (state.hasBeenRead === true) {
    const Class = reason instanceof AccessDeniedError ? AccessDeniedError : StreamNotFoundError;
    throw new Class(
      `${reason.message}; an earlier run has read this stream, so topic ${counts.topic} was not changed`,
      { cause: reason },
    );
  }
  if (isOptional !== true && options.asked?.has(name) === true) throw reason;
  counts.isAbsent = true;
  if (isOptional === true) return;
  counts.absence = reason.message;
  logger.warn({ stream: name, reason: reason.message }, 'absent from this account');
}

function observerOf(counts: StreamCounts, reading: Reading): StreamObserver {
  return {
    onRequest: () => counts.requests++,
    onRetry: (error) => {
      counts.retries++;
      if (error instanceof RateLimitedError) counts.rateLimited++;
    },
    onAbsent: (reason) => (reading.absence = reason),
    onDenied: (error) => {
      if (counts.denied++ === 0)
        logger.warn(
          { stream: counts.stream, reason: error.message },
          "a parent's list returned 403: its children are kept",
        );
    },
  };
}

/**
 * Counts pages. If reading fails, keeps the error and ends normally, so that earlier pages are
 * committed.
 */
async function* countPages(
  events: AsyncIterable<SourceEvent>,
  counts: StreamCounts,
  reading: Reading,
): AsyncGenerator<SourceEvent, void, undefined> {
  try {
    for await (const event of events) {
      if (event.kind === 'page') counts.pages++;
      yield event;
    }
  } catch (error) {
    reading.failure = error;
  }
}
