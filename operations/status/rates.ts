import { passedOf, type Status, type TopicStatus } from './stream-status.ts';

/** The rates of a stream. Undefined if unknown. */
export interface StreamRates {
  /**
   * Offsets that the topic has gained per second: messages, and a marker for each transaction and
   * partition.
   */
  readonly producedPerSecond: number | undefined;
  /** Offsets that the sink has passed per second. */
  readonly sunkPerSecond: number | undefined;
}

/** Returns the rates of each stream between two statuses; none if no time has passed. */
export function ratesBetween(before: Status, after: Status): ReadonlyMap<string, StreamRates> {
  const seconds = (after.atMs - before.atMs) / 1000;
  const rates = new Map<string, StreamRates>();
  if (seconds <= 0) return rates;
  const topics = new Map(before.streams.map(({ stream, topic }) => [stream, topic]));
  for (const { stream, topic } of after.streams) {
    const from = topics.get(stream);
    if (!topic || from === undefined) continue;
    // A topic that was created in the meantime began empty.
    const earlier = from ?? { ...topic, partitions: [] };
    const rate = (count: (topic: TopicStatus) => bigint) => {
      const moved = Number(count(topic) - count(earlier));
      // The offsets of a recreated topic begin again at 0.
      return moved < 0 ? undefined : moved / seconds;
    };
    const isLagKnown = [...topic.partitions, ...earlier.partitions].every(({ lag }) => lag !== undefined);
    rates.set(stream, {
      producedPerSecond: rate(endOf),
      sunkPerSecond: isLagKnown ? rate(passedOf) : undefined,
    });
  }
  return rates;
}

/** Returns the rates of a stream; unknown rates if there are none for the stream. */
export function ratesOf(rates: ReadonlyMap<string, StreamRates>, stream: string): StreamRates {
  return rates.get(stream) ?? { producedPerSecond: undefined, sunkPerSecond: undefined };
}

/** Returns the sum of the known rates; undefined if none is known. */
export function totalRates(rates: Iterable<StreamRates>): StreamRates {
  const all = [...rates];
  const sum = (numbers: readonly (number | undefined)[]) => {
    const known = numbers.filter((number) => number !== undefined);
    return known.length === 0 ? undefined : known.reduce((total, number) => total + number, 0);
  };
  return {
    producedPerSecond: sum(all.map(({ producedPerSecond }) => producedPerSecond)),
    sunkPerSecond: sum(all.map(({ sunkPerSecond }) => sunkPerSecond)),
  };
}

function endOf({ partitions }: TopicStatus): bigint {
  return partitions.reduce((sum, { end }) => sum + end, 0n);
}
