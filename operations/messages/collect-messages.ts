import type { KafkaMessage } from 'kafkajs';
import type { PartitionReader } from '../../core/kafka/partition-reader.ts';
import type { OffsetSpan } from '../../core/kafka/read-spans.ts';
import { sizeOf, type ScanBudget, type ScanLimits } from './scan-budget.ts';
import { scanPartition, type ScanOptions } from './scan-partition.ts';
import type { Positions } from './topic-cursor.ts';

/** A copy of a message, independent of its fetch. */
export interface FoundMessage {
  readonly partition: number;
  readonly offset: bigint;
  readonly message: KafkaMessage;
}

export interface CollectOptions {
  readonly reader: Pick<PartitionReader, 'fetch'>;
  readonly topic: string;
  /** Offsets to search, by partition. */
  readonly spans: ReadonlyMap<number, OffsetSpan>;
  readonly limit: number;
  /**
   * Maximum total size of the returned messages, in bytes. A single message may exceed this limit.
   */
  readonly maxBytes: number;
  readonly budget: ScanBudget;
  readonly matches?: (message: KafkaMessage) => boolean;
}

export interface Collected {
  readonly messages: readonly FoundMessage[];
  /** The offset at which to continue, by partition; empty if everything was searched. */
  readonly rest: Positions;
  /** Offsets that were searched, by partition. */
  readonly searched: ReadonlyMap<number, OffsetSpan>;
}

const FEW_BYTES = 256 * 1024;
const MAX_WINDOW = 20_000n;
/** Limits of one window. A window that exceeds them is read again as smaller windows. */
const windowLimits: ScanLimits = { messages: 100_000, bytes: 32 * 1024 * 1024, ms: 5_000 };

/** Returns the first messages of the spans, oldest first. */
export async function collectOldest(options: CollectOptions): Promise<Collected> {
  const { spans, limit, matches = () => true } = options;
  const queues = await eachPartition(options, async (scan, { from, to }) => {
    const found: FoundMessage[] = [];
    let bytes = 0;
    const reached = await scanPartition(scan, { from, to }, (message) => {
      if (!matches(message)) return true;
      found.push(kept(scan.partition, message));
      bytes += sizeOf(message);
      return found.length < limit && bytes < shareOf(options);
    });
    return { found, reached };
  });
  const chosen = merge(queues, options, (a, b) => timeOf(a) < timeOf(b));
  const isChosen = new Set(chosen);
  const rest = new Map<number, bigint>();
  const searched = new Map<number, OffsetSpan>();
  for (const [partition, { from, to }] of spans) {
    const { found = [], reached = from } = queues.get(partition) ?? {};
    const left = found.find((message) => !isChosen.has(message));
    const next = left?.offset ?? reached;
    searched.set(partition, { from, to: next });
    rest.set(partition, next < to ? next : to);
  }
  return { messages: chosen, rest: isAll(rest, spans, 'to') ? new Map() : rest, searched };
}

/** Returns the last messages of the spans, newest first. */
export async function collectNewest(options: CollectOptions): Promise<Collected> {
  const { spans, limit, budget } = options;
  const queues = await eachPartition(options, async (scan, span) => {
    // Newest first.
    const found: FoundMessage[] = [];
    let reached = span.to;
    let isFull = false;
    let isBegun = false;
    // Transaction markers and compaction leave gaps, so the first window is a guess, and later
    // windows are wider.
    let window = BigInt(options.matches === undefined ? limit * 2 : 2_000);
    // Each partition advances, so that a caller that continues eventually searches everything.
    while (reached > span.from && !isFull && !(isBegun && budget.isSpent)) {
      const from = reached - window > span.from ? reached - window : span.from;
      const part = await lastOf(options, scan, { from, to: reached }, limit - found.length, found);
      if (part === undefined) {
        window = (window + 3n) / 4n;
        continue;
      }
      isBegun = true;
      found.push(...part.found);
      isFull = part.isCut || found.length >= limit;
      reached = isFull ? (found.at(-1)?.offset ?? from) : from;
      window = window * 4n < MAX_WINDOW ? window * 4n : MAX_WINDOW;
    }
    return { found, reached };
  });
  const chosen = merge(queues, options, (a, b) => timeOf(a) > timeOf(b));
  const isChosen = new Set(chosen);
  const rest = new Map<number, bigint>();
  const searched = new Map<number, OffsetSpan>();
  for (const [partition, { from, to }] of spans) {
    const { found = [], reached = to } = queues.get(partition) ?? {};
    const left = found.find((message) => !isChosen.has(message));
    const next = left === undefined ? reached : left.offset + 1n;
    searched.set(partition, { from: next, to });
    rest.set(partition, next > from ? next : from);
  }
  return { messages: chosen, rest: isAll(rest, spans, 'from') ? new Map() : rest, searched };
}

interface Queue {
  readonly found: readonly FoundMessage[];
  /**
   * Everything before this offset was searched; in a backward search, everything from it onward.
   */
  readonly reached: bigint;
}

async function eachPartition(
  { reader, topic, spans, budget, limit, matches }: CollectOptions,
  search: (scan: ScanOptions, span: OffsetSpan) => Promise<Queue>,
): Promise<ReadonlyMap<number, Queue>> {
  const fetchBytes = matches === undefined && limit <= 100 ? { fetchBytes: FEW_BYTES } : {};
  const queues = new Map<number, Queue>();
  for (const [partition, span] of spans)
    queues.set(partition, await search({ reader, topic, partition, budget, ...fetchBytes }, span));
  return queues;
}

/**
 * Returns the last matches of a window, newest first; undefined if the window exceeds its limits.
 */
async function lastOf(
  options: CollectOptions,
  scan: ScanOptions,
  window: OffsetSpan,
  count: number,
  already: readonly FoundMessage[],
): Promise<{ found: FoundMessage[]; isCut: boolean } | undefined> {
  const { matches = () => true } = options;
  const share = shareOf(options) - already.reduce((sum, { message }) => sum + sizeOf(message), 0);
  let found: FoundMessage[] = [];
  let bytes = 0;
  let isCut = false;
  const isSingle = window.to - window.from === 1n;
  const part = { ...scan, budget: scan.budget.part(windowLimits) };
  const reached = await scanPartition(part, window, (message) => {
    if (!matches(message)) return true;
    found.push(kept(scan.partition, message));
    bytes += sizeOf(message);
    let drop = 0;
    while (found.length - drop > 1 && (found.length - drop > count || bytes > share))
      bytes -= sizeOf(found[drop++]?.message ?? { key: null, value: null });
    if (drop > 0) {
      isCut = true;
      found = found.slice(drop);
    }
    return true;
  });
  return reached < window.to && !isSingle ? undefined : { found: found.reverse(), isCut };
}

/** Merges the first messages of all queues into one list, up to the limits. */
function merge(
  queues: ReadonlyMap<number, Queue>,
  { limit, maxBytes }: CollectOptions,
  isBefore: (a: FoundMessage, b: FoundMessage) => boolean,
): FoundMessage[] {
  const heads = [...queues.values()].map(({ found }) => ({ found, at: 0 }));
  const chosen: FoundMessage[] = [];
  let bytes = 0;
  while (chosen.length < limit) {
    let best: { head: (typeof heads)[number]; message: FoundMessage } | undefined;
    for (const head of heads) {
      const message = head.found[head.at];
      if (message !== undefined && (best === undefined || isBefore(message, best.message)))
        best = { head, message };
    }
    if (best === undefined) break;
    bytes += sizeOf(best.message.message);
    if (bytes > maxBytes && chosen.length > 0) break;
    best.head.at += 1;
    chosen.push(best.message);
  }
  return chosen;
}

/** Copies a message, because the original keeps its entire fetch in memory. */
function kept(partition: number, message: KafkaMessage): FoundMessage {
  const { key, value, headers = {}, offset, timestamp } = message;
  const copied = Object.entries(headers).map(([name, of]) => [
    name,
    Array.isArray(of) ? of.map((part) => Buffer.from(part)) : of && Buffer.from(of),
  ]);
  return {
    partition,
    offset: BigInt(offset),
    message: {
      key: key && Buffer.from(key),
      value: value && Buffer.from(value),
      headers: Object.fromEntries(copied) as NonNullable<KafkaMessage['headers']>,
      offset,
      timestamp,
      attributes: 0,
    },
  };
}

function shareOf({ maxBytes, spans }: CollectOptions): number {
  return Math.max(1, Math.floor(maxBytes / Math.max(1, spans.size)));
}

function timeOf({ message }: FoundMessage): number {
  return Number(message.timestamp);
}

function isAll(rest: Positions, spans: ReadonlyMap<number, OffsetSpan>, edge: 'from' | 'to'): boolean {
  return [...spans].every(([partition, span]) => rest.get(partition) === span[edge]);
}
