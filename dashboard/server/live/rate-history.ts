import type { Position } from '../../../operations/status/positions.ts';
import type { Bucket, History } from '../../api/rates.ts';

/** After a longer pause, the history cannot assign messages to a time. */
const MAX_PAUSE_MS = 30_000;

interface Moved {
  produced: number;
  sunk: number;
}

/** Counts messages in buckets, and keeps the most recent buckets. */
export class RateHistory {
  readonly #bucketMs: number;
  readonly #maxBuckets: number;
  #last: ReadonlyMap<string, Position> = new Map();
  #closed: ReadonlyMap<string, Moved>[] = [];
  #current = new Map<string, Moved>();
  #bucketStartMs = NaN;
  #addedMs = NaN;

  constructor(bucketMs: number, maxBuckets: number) {
    this.#bucketMs = bucketMs;
    this.#maxBuckets = maxBuckets;
  }

  /**
   * Counts the messages since the previous positions; none for a stream that is new, or whose
   * offsets went back because its topic was recreated. After a long pause, the history restarts.
   * @returns the counts by stream, the buckets that have ended, and whether the history was
   *   restarted.
   */
  add(positions: ReadonlyMap<string, Position>, nowMs: number) {
    const isReset = nowMs - this.#addedMs > MAX_PAUSE_MS;
    this.#addedMs = nowMs;
    if (isReset) this.#reset();
    const moved = new Map<string, Moved>();
    for (const [stream, { end, committed }] of positions) {
      const last = this.#last.get(stream);
      if (last === undefined) continue;
      const produced = Math.max(0, Number(end - last.end));
      const sunk = Math.max(0, Number(committed - last.committed));
      if (produced > 0 || sunk > 0) moved.set(stream, { produced, sunk });
    }
    this.#last = positions;
    const ended = this.#close(nowMs);
    for (const [stream, { produced, sunk }] of moved) {
      const sum = this.#current.get(stream) ?? { produced: 0, sunk: 0 };
      this.#current.set(stream, { produced: sum.produced + produced, sunk: sum.sunk + sunk });
    }
    return { moved: moved as ReadonlyMap<string, Readonly<Moved>>, ended, isReset };
  }

  /** Returns the most recent buckets; none after a long pause. */
  history(nowMs: number): History {
    if (nowMs - this.#addedMs > MAX_PAUSE_MS) this.#reset();
    const names = new Set(this.#closed.flatMap((bucket) => [...bucket.keys()]));
    const of = (stream: string, kind: keyof Moved) =>
      this.#closed.map((bucket) => bucket.get(stream)?.[kind] ?? 0);
    const streams = [...names].map((stream) => {
      return [stream, { produced: of(stream, 'produced'), sunk: of(stream, 'sunk') }] as const;
    });
    return { bucketMs: this.#bucketMs, maxBuckets: this.#maxBuckets, streams: Object.fromEntries(streams) };
  }

  #reset(): void {
    this.#last = new Map();
    this.#closed = [];
    this.#current = new Map();
    this.#bucketStartMs = NaN;
  }

  #close(nowMs: number): Bucket[] {
    if (Number.isNaN(this.#bucketStartMs)) this.#bucketStartMs = nowMs;
    const ended: Bucket[] = [];
    while (nowMs - this.#bucketStartMs >= this.#bucketMs) {
      ended.push(Object.fromEntries(this.#current));
      this.#closed.push(this.#current);
      this.#current = new Map();
      this.#bucketStartMs += this.#bucketMs;
    }
    this.#closed = this.#closed.slice(-this.#maxBuckets);
    return ended;
  }
}
