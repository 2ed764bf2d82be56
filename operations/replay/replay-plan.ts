import type { OffsetSpan } from '../../core/kafka/read-spans.ts';
import { readTopics, type MessageHandler } from '../../core/kafka/topic-reader.ts';
import { topicOf } from '../../core/stream-name.ts';
import type { SinkServices } from '../../consumers/stream/create-stream-sink.ts';
import { replayRange } from './replay-range.ts';
import { ShadowTable } from './shadow-table.ts';

/** Bytes to sample from each topic, starting where the replay would start. */
const SAMPLE_BYTES = 1024 * 1024;
const SAMPLE_MS = 3_000;

/**
 * Rates below the sink's rate in docs/benchmarks.md (section Sink), and the seconds for lock, swap
 * and proof.
 */
const MESSAGES_PER_SECOND = 200_000;
const BYTES_PER_SECOND = 25 * 1024 * 1024;
const FIXED_SECONDS = 2;

export interface ReplayPlan {
  readonly stream: string;
  /** Number of rows that readers see now; undefined without a table. */
  readonly live: number | undefined;
  /** The number of messages, without transaction markers and compaction gaps. */
  readonly messages: number;
  /** Bytes of keys and values. */
  readonly bytes: number;
  /**
   * Whether every message was counted. Otherwise messages and bytes are estimates from a sample.
   */
  readonly isExact: boolean;
  readonly seconds: number;
}

/**
 * Estimates the replay of a stream, and changes nothing.
 * @throws ReplayRefusedError if the topic is empty, or if its timestamps cannot be compared with
 *   `from`.
 */
export async function planReplay(
  services: SinkServices,
  stream: string,
  from: number | undefined,
): Promise<ReplayPlan> {
  const { settings, admin, database } = services;
  const topic = topicOf(settings.topicPrefix, stream);
  const shadow = new ShadowTable(database, stream);
  const range = await replayRange(admin, topic, from, await shadow.partitionRows('live'));
  const spans = new Map([...range.spans].filter(([, span]) => span.from < span.to));
  const sample = await readSample(services, topic, spans);
  const messages = Math.round((offsetsIn(spans) * sample.messages) / Math.max(1, sample.offsets));
  const bytes = Math.round((messages * sample.bytes) / Math.max(1, sample.messages));
  return {
    stream,
    live: await shadow.countLive(),
    messages,
    bytes,
    isExact: sample.offsets === offsetsIn(spans),
    seconds: FIXED_SECONDS + Math.max(messages / MESSAGES_PER_SECOND, bytes / BYTES_PER_SECOND),
  };
}

/**
 * Reads until the sample is large enough, or for a few seconds after the first message. Returns the
 * numbers of messages, bytes and offsets that were read. Offsets include gaps.
 */
async function readSample(
  { settings, signal }: SinkServices,
  topic: string,
  spans: ReadonlyMap<number, OffsetSpan>,
): Promise<{ messages: number; bytes: number; offsets: number }> {
  const enough = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let [messages, bytes] = [0, 0];
  const passed = new Map<number, number>();
  const handle: MessageHandler = ({ key, value, offset }, partition) => {
    timer ??= setTimeout(() => enough.abort(), SAMPLE_MS);
    if (enough.signal.aborted) return;
    messages++;
    bytes += (key?.length ?? 0) + (value?.length ?? 0);
    passed.set(partition, Number(BigInt(offset) + 1n - (spans.get(partition)?.from ?? 0n)));
    if (bytes >= SAMPLE_BYTES) enough.abort();
  };
  const sampling = AbortSignal.any([signal, enough.signal]);
  const options = { spans: new Map([[topic, spans]]) };
  try {
    await readTopics(settings, new Map([[topic, handle]]), sampling, options);
    return { messages, bytes, offsets: offsetsIn(spans) };
  } catch (error) {
    signal.throwIfAborted();
    if (!enough.signal.aborted) throw error;
    return { messages, bytes, offsets: [...passed.values()].reduce((sum, offsets) => sum + offsets, 0) };
  } finally {
    clearTimeout(timer);
  }
}

function offsetsIn(spans: ReadonlyMap<number, OffsetSpan>): number {
  return [...spans.values()].reduce((sum, { from, to }) => sum + Number(to - from), 0);
}
