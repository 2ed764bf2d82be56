import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { ReplayRefusedError, UnknownSchemaError } from '../../core/errors.ts';
import type { KafkaAdmin } from '../../core/kafka/admin.ts';
import { CaughtUp } from '../../core/kafka/caught-up.ts';
import { subjectOf, topicOf } from '../../core/stream-name.ts';
import { consume } from '../../consumers/run/consume.ts';
import { sinkGroupOf, SinkGroup } from '../../consumers/run/sink-group.ts';
import {
  createStreamSink,
  type CreatedSink,
  type SinkServices,
} from '../../consumers/stream/create-stream-sink.ts';
import type { DeadLetterIndex } from '../../consumers/stream/dead-letter-index.ts';
import type { DeadLetters } from '../../consumers/stream/dead-letters.ts';
import type { ReplayCounts } from './replay-counts.ts';
import { keptRows, type ReplayRange } from './replay-range.ts';
import type { ShadowTable } from './shadow-table.ts';
import { addForeignColumns, warnOfLostDefinitions } from './user-definitions.ts';

const COUNT_MS = 100;
/** Maximum time to wait for the new table to catch up with a sink. Later rows are carried over. */
const FOLLOW_MS = 10_000;
const FOLLOW_ASK_MS = 50;

interface Filling {
  readonly stream: string;
  readonly shadow: ShadowTable;
  readonly range: ReplayRange;
  /** ms since 1970; undefined for the beginning. */
  readonly from: number | undefined;
  /** Messages that are dead letters. */
  readonly rejected: DeadLetterIndex;
}

/**
 * Creates the shadow table, copies the rows that are kept, and sinks the topic into it: up to the
 * end offset, and then, for at most FOLLOW_MS, until it has caught up with the live table's sink.
 * @param counts shows the progress.
 * @returns the sink that filled the table, and the identity of the table before it was filled.
 * @throws ReplayRefusedError; the failure of the sink that fills the table.
 */
export async function fillShadow(
  services: SinkServices,
  { stream, shadow, range, from, rejected }: Filling,
  counts: ReplayCounts,
): Promise<{ readonly created: CreatedSink; readonly identity: string }> {
  const { settings, admin, database, signal, deadLetters } = services;
  const topic = topicOf(settings.topicPrefix, stream);
  const group = new SinkGroup(settings, `${settings.topicPrefix}replaying.${randomUUID()}`);
  const spans = [...range.spans];
  const caughtUp = new CaughtUp(spans.map(([partition, { to }]) => ({ topic, partition, end: to })));
  const created = createStreamSink(
    { ...services, deadLetters: onlyKnownSchemas(deadLetters, rejected) },
    {
      stream,
      group,
      caughtUp,
      table: shadow.name,
      floors: new Map(spans.map(([partition, span]) => [partition, span.from])),
    },
  );
  if (!(await created.schemas.learnAll()))
    throw new ReplayRefusedError(
      `the registry has no schema for subject ${subjectOf(settings.topicPrefix, stream)}: register the schema again; nothing was changed`,
    );
  await addForeignColumns(database, shadow.liveName, shadow.name);
  await warnOfLostDefinitions(database, shadow.liveName);
  if (from !== undefined) await shadow.copy(keptRows(from, range.live));
  const identity = await created.table.readIdentity();

  counts.state = 'filling';
  counts.startedMs = performance.now();
  counts.offsets = spans.reduce((sum, [, span]) => sum + Number(span.to - span.from), 0);
  const { sink, partitions } = created;
  const count = () => {
    counts.rows = sink.counts.rows;
    counts.deadLetters = sink.counts.deadLetters;
    counts.passed = spans.reduce((sum, [partition, { from: start }]) => {
      const next = partitions.next(partition) ?? partitions.done.get(partition) ?? start;
      return sum + Number(next - start);
    }, 0);
  };
  const counting = setInterval(count, COUNT_MS);
  const ended = new AbortController();
  try {
    const following = caughtUp.reached
      .then(() => {
        counts.state = 'following';
        return followSink(admin, sinkGroupOf(settings), topic, created, ended.signal);
      })
      .finally(() => sink.stop());
    following.catch(() => {});
    await consume({ group, settings, sinks: new Map([[topic, sink]]), admin }, signal);
    signal.throwIfAborted();
    if (sink.counts.failure !== undefined) throw sink.counts.failure;
    await following;
    return { created, identity };
  } finally {
    ended.abort(new Error('the consumer has stopped'));
    clearInterval(counting);
    count();
    await admin.removeGroup(group.groupId);
  }
}

/** Resolves once the new table has passed the sink's committed offsets, or after FOLLOW_MS. */
async function followSink(
  admin: KafkaAdmin,
  groupId: string,
  topic: string,
  { partitions }: CreatedSink,
  ended: AbortSignal,
): Promise<void> {
  const deadlineMs = performance.now() + FOLLOW_MS;
  while (!ended.aborted && performance.now() < deadlineMs) {
    const committed = (await admin.committedOffsets(groupId, [topic])).get(topic) ?? [];
    if ([...committed].every(([partition, { offset }]) => offset <= (partitions.done.get(partition) ?? 0n)))
      return;
    await delay(FOLLOW_ASK_MS, undefined, { signal: ended });
  }
}

/**
 * Sends a message to the dead-letter topic only if it is not a dead letter yet. Refuses the replay
 * if the registry has lost a schema, because the new table would lack rows that readers see.
 */
function onlyKnownSchemas(
  deadLetters: Pick<DeadLetters, 'send'>,
  rejected: DeadLetterIndex,
): Pick<DeadLetters, 'send'> {
  return {
    async send(all, policy) {
      const unknown = all.filter(({ topic, partition, message }) => !rejected.has(topic, partition, message));
      const lost = unknown.find(({ error }) => error instanceof UnknownSchemaError);
      if (lost !== undefined)
        throw new ReplayRefusedError(
          `topic ${lost.topic}, partition ${lost.partition}, offset ${lost.message.offset}: ${lost.error.message}, and the message is not a dead letter: ` +
            'register the schema again; nothing was changed',
        );
      await deadLetters.send(unknown, policy);
    },
  };
}
