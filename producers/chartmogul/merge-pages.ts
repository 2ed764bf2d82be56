import type { SourceEvents, SourceEvent, SourceList } from './source-list.ts';

/** Number of lists of one stream that are read concurrently. The client limits the requests. */
export const CONCURRENT_LISTS = 16;

type NextEvent = Promise<{ events: SourceEvents; result: IteratorResult<SourceEvent, void> }>;

/**
 * Reads many lists concurrently. Events of one list keep their order; those of different lists
 * interleave as they arrive. At most one event of each open list is buffered, and a list starts
 * only when one of the `concurrency` slots is free.
 */
export async function* mergePages<L extends SourceList>(
  lists: Iterable<L>,
  concurrency: number,
  read: (list: L) => SourceEvents,
): SourceEvents {
  const waiting = lists[Symbol.iterator]();
  const pending = new Map<SourceEvents, NextEvent>();
  const advance = (events: SourceEvents) => {
    const next = events.next().then((result) => ({ events, result }));
    // The promise may reject while another list is awaited. `Promise.race` reports the rejection
    // later.
    next.catch(() => {});
    // Moves the list to the end, so that each list with a buffered event or error gets a turn.
    pending.delete(events);
    pending.set(events, next);
  };
  try {
    for (;;) {
      while (pending.size < concurrency) {
        const next = waiting.next();
        if (next.done === true) break;
        advance(read(next.value));
      }
      if (pending.size === 0) return;
      const { events, result } = await Promise.race(pending.values());
      if (result.done === true) {
        pending.delete(events);
        continue;
      }
      advance(events);
      yield result.value;
    }
  } finally {
    await Promise.allSettled([...pending.keys()].map((events) => events.return()));
  }
}
