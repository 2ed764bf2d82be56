import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { createKafka } from '../../core/kafka/client.ts';
import { topicOf } from '../../core/stream-name.ts';
import type { SinkServices } from '../../consumers/stream/create-stream-sink.ts';
import { replayRange } from './replay-range.ts';
import { ShadowTable } from './shadow-table.ts';

/** Bytes that are sampled from each topic, from the start of the replay. */
const SAMPLE_BYTES = 1024 * 1024;
const SAMPLE_MS = 3_000;

/** A conservative part of the rates in docs/benchmarks.md; seconds for lock, swap and proof. */
const MESSAGES_PER_SECOND = 200_000;
const BYTES_PER_SECOND = 25 * 1024 * 1024;
const FIXED_SECONDS = 2;

/** An estimate of a stream's replay. */
export interface ReplayPlan {
  readonly stream: string;
  /** Rows that readers see now; undefined without a table. */
  readonly live: number | undefined;
  /** Estimated from the gaps that compaction has left in the sample. */
  readonly messages: number;
  /** Estimated size of keys and values. */
  readonly bytes: number;
  readonly seconds: number;
}

/** @throws ReplayRefusedError if a replay would be refused. */
export async function planReplay(
  services: SinkServices,
  stream: string,
  from: number | undefined,
): Promise<ReplayPlan> {
  const { settings, admin, database } = services;
  const topic = topicOf(settings.topicPrefix, stream);
  const shadow = new ShadowTable(database, stream);
  const { partitions } = await replayRange(admin, topic, from, await shadow.partitionRows('live'));
  const offsets = [...partitions.values()].reduce((sum, range) => sum + Number(range.end - range.from), 0);
  const starts = new Map([...partitions].map(([partition, range]) => [partition, range.from]));
  const sample = offsets === 0 ? undefined : await readSample(services, topic, starts);
  const messages =
    sample === undefined ? 0 : Math.round((offsets * sample.messages) / Math.max(1, sample.offsets));
  const bytes =
    sample === undefined ? 0 : Math.round((messages * sample.bytes) / Math.max(1, sample.messages));
  return {
    stream,
    live: await shadow.countLive(),
    messages,
    bytes,
    seconds: FIXED_SECONDS + Math.max(messages / MESSAGES_PER_SECOND, bytes / BYTES_PER_SECOND),
  };
}

interface Sample {
  messages: number;
  bytes: number;
  /** Offsets that the sample passed. */
  offsets: number;
}

async function readSample(
  { settings, admin, signal }: SinkServices,
  topic: string,
  starts: ReadonlyMap<number, bigint>,
): Promise<Sample> {
  const sample: Sample = { messages: 0, bytes: 0, offsets: 0 };
  const next = new Map(starts);
  const ends = new Map((await admin.endOffsets([topic])).map(({ partition, end }) => [partition, end]));
  const groupId = `${settings.topicPrefix}sample.${randomUUID()}`;
  const consumer = createKafka(settings.kafka, 'replay').consumer({
    groupId,
    maxBytes: SAMPLE_BYTES,
    maxWaitTimeInMs: 100,
    allowAutoTopicCreation: false,
  });
  let onEnough = () => {};
  const enough = new Promise<void>((resolve) => (onEnough = resolve));
  const isEnough = () =>
    sample.bytes >= SAMPLE_BYTES ||
    [...next].every(([partition, offset]) => offset >= (ends.get(partition) ?? 0n));
  consumer.on(consumer.events.GROUP_JOIN, () => {
    for (const [partition, offset] of starts) consumer.seek({ topic, partition, offset: String(offset) });
  });
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
    const before = next.get(payload.partition) ?? 0n;
    const after = BigInt(payload.lastOffset) + 1n;
    sample.offsets += Math.max(0, Number(after - before));
    next.set(payload.partition, after);
    if (isEnough()) onEnough();
  });
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [topic] });
    await consumer.run({
      autoCommit: false,
      eachBatch: ({ batch }) => {
        sample.messages += batch.messages.length;
        for (const { key, value } of batch.messages)
          sample.bytes += (key?.length ?? 0) + (value?.length ?? 0);
        return Promise.resolve();
      },
    });
    const timeout = new AbortController();
    await Promise.race([
      enough,
      delay(SAMPLE_MS, undefined, { signal: AbortSignal.any([signal, timeout.signal]) }).catch(() => {}),
    ]);
    timeout.abort();
    signal.throwIfAborted();
    return sample;
  } finally {
    await consumer.disconnect();
    await admin.removeGroup(groupId);
  }
}
