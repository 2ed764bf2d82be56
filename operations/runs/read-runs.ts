import type { Connections } from '../../core/connections.ts';
import { messageTimeMs } from '../../core/kafka/message-time.ts';
import { PartitionReader } from '../../core/kafka/partition-reader.ts';
import type { OffsetSpan } from '../../core/kafka/read-spans.ts';
import { topicOf } from '../../core/stream-name.ts';
import { TimeSlice } from '../../core/time-slice.ts';
import { RUNS } from '../../producers/publish/send-run.ts';
import { collectNewest } from '../messages/collect-messages.ts';
import { ScanBudget, type ScanLimits } from '../messages/scan-budget.ts';
import { RunDecoder, type StreamRun } from './run-record.ts';

/** The records of one run are sent together, so their times differ by less than this. */
export const RECORDING_MS = 10_000;

/**
 * Number of messages in the first backward step. Each further step is four times as large, up to
 * MAX_STEP.
 */
const FIRST_STEP = 1_000;
const MAX_STEP = 16_000;
const MAX_STEP_BYTES = 64 * 1024 * 1024;
/** Enough for 4,000 runs of 25 streams. */
const readLimits: ScanLimits = { messages: 100_000, bytes: 256 * 1024 * 1024, ms: 15_000 };

/** The runs read so far, back from the newest run. */
export interface RunsRead {
  /** The records of each run, by stream. */
  readonly runs: ReadonlyMap<string, ReadonlyMap<string, StreamRun>>;
  /** Runs first recorded after this time are complete; -Infinity once the entire topic was read. */
  readonly completeAfterMs: number;
}

/** The end of the topic when it was read. */
export interface TopicPlace {
  readonly topicId: bigint;
  readonly next: ReadonlyMap<number, bigint>;
}

interface ReadOptions {
  /** Reads only messages from these offsets onward, by partition. */
  readonly from?: ReadonlyMap<number, bigint> | undefined;
  /** Reads only runs that may have been recorded before this time. */
  readonly beforeMs?: number | undefined;
  /** Returns whether a run is needed. The others are not decoded. */
  readonly isWanted?: (run: string) => boolean;
  readonly isEnough: (read: RunsRead) => boolean;
}

/**
 * Reads the topic of runs backward from its end until `isEnough`. The cost depends on how far back
 * it reads, not on the length of the topic.
 * @returns the runs, whether a limit ended the reading, and the end of the topic. There are no runs
 *   if the topic does not exist or is empty.
 * @throws errors of Kafka and the registry.
 */
export async function readRuns(
  { admin, registry, settings, signal }: Connections<'admin' | 'registry'>,
  { from, beforeMs, isWanted = () => true, isEnough }: ReadOptions,
): Promise<RunsRead & { readonly isCut: boolean; readonly place: TopicPlace }> {
  const topic = topicOf(settings.topicPrefix, RUNS);
  const found = await admin.topicOffsets(topic);
  const ends =
    beforeMs === undefined ? undefined : await admin.offsetsSince(topic, Math.floor(beforeMs + RECORDING_MS));
  const starts = new Map<number, bigint>();
  let spans = new Map<number, OffsetSpan>();
  const next = new Map<number, bigint>();
  for (const { partition, start: first, end } of found?.partitions ?? []) {
    const asked = from?.get(partition) ?? first;
    const start = asked > first ? asked : first;
    starts.set(partition, start);
    next.set(partition, end);
    const to = ends?.get(partition) ?? end;
    if (start < to) spans.set(partition, { from: start, to });
  }
  const place = { topicId: found?.id ?? 0n, next };
  const runs = new Map<string, Map<string, StreamRun>>();
  if (spans.size === 0) return { runs, completeAfterMs: -Infinity, isCut: false, place };
  const budget = new ScanBudget(readLimits);
  const decoder = new RunDecoder(registry);
  const slice = new TimeSlice();
  return PartitionReader.with(settings.kafka, signal, async (reader) => {
    let oldestMs = Infinity;
    for (let limit = FIRST_STEP; ; limit = Math.min(limit * 4, MAX_STEP)) {
      const { messages, rest } = await collectNewest({
        reader,
        topic,
        spans,
        limit,
        maxBytes: MAX_STEP_BYTES,
        budget,
      });
      for (const { message } of messages) {
        if (slice.isOver()) await slice.next();
        const timeMs = messageTimeMs(message.timestamp);
        oldestMs = Math.min(oldestMs, timeMs);
        const [run = ''] = message.key?.toString('utf8').split('|') ?? [];
        if (message.value === null || !isWanted(run)) continue;
        const streamRun = await decoder.decode(message.value, timeMs);
        if (streamRun === undefined) continue;
        const streams = runs.get(streamRun.run) ?? new Map<string, StreamRun>();
        // The newest record comes first.
        if (!streams.has(streamRun.stream)) streams.set(streamRun.stream, streamRun);
        runs.set(streamRun.run, streams);
      }
      const isAll = rest.size === 0;
      const read = { runs, completeAfterMs: isAll ? -Infinity : oldestMs + RECORDING_MS };
      if (isAll || isEnough(read)) return { ...read, isCut: false, place };
      if (budget.isSpent) return { ...read, isCut: true, place };
      spans = new Map(
        [...rest].map(([partition, to]) => [partition, { from: starts.get(partition) ?? 0n, to }]),
      );
    }
  });
}
