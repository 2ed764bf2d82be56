/** A partition's end offset when the sink or a read began. */
export interface PartitionEnd {
  readonly topic: string;
  readonly partition: number;
  readonly end: bigint;
}

/** Tracks the partitions that have not reached the end offset that they had at the start. */
export class CaughtUp {
  /** Resolves when no partition is behind. */
  readonly reached: Promise<void>;
  readonly #behind = new Map<string, PartitionEnd>();
  readonly #resolve: () => void;

  constructor(ends: readonly PartitionEnd[]) {
    for (const end of ends) this.#behind.set(keyOf(end.topic, end.partition), end);
    let resolve = () => {};
    this.reached = new Promise((onReached) => (resolve = onReached));
    this.#resolve = resolve;
    this.#check();
  }

  get behind(): readonly PartitionEnd[] {
    return [...this.#behind.values()];
  }

  /** Records that everything before offset `next` of the partition has been copied. */
  advance(topic: string, partition: number, next: bigint): void {
    const key = keyOf(topic, partition);
    const target = this.#behind.get(key);
    if (target === undefined || next < target.end) return;
    this.#behind.delete(key);
    this.#check();
  }

  /**
   * Returns whether `next` reaches the ends of all partitions of the topic that are behind; false
   * if there are none.
   */
  isReachedBy(topic: string, next: (partition: number) => bigint | undefined): boolean {
    const behind = this.behind.filter((target) => target.topic === topic);
    return behind.length > 0 && behind.every(({ partition, end }) => (next(partition) ?? 0n) >= end);
  }

  /** Stops waiting for a topic from which nothing more will be copied. */
  abandon(topic: string): void {
    for (const { topic: behind, partition } of this.behind)
      if (behind === topic) this.#behind.delete(keyOf(topic, partition));
    this.#check();
  }

  #check(): void {
    if (this.#behind.size === 0) this.#resolve();
  }
}

function keyOf(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}
