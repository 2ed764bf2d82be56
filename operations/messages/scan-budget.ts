import type { KafkaMessage } from 'kafkajs';

/** The limits of one search of a topic, regardless of its size. */
export interface ScanLimits {
  /** Messages that are read, returned or not. */
  readonly messages: number;
  /** Bytes of their keys and values. */
  readonly bytes: number;
  readonly ms: number;
}

export const scanLimits: ScanLimits = { messages: 200_000, bytes: 128 * 1024 * 1024, ms: 10_000 };

/** Counts the messages that are read. The budget is spent once any limit is reached. */
export class ScanBudget {
  scanned = 0;
  readonly #limits: ScanLimits;
  readonly #endMs: number;
  readonly #whole: ScanBudget | undefined;
  #bytes = 0;

  constructor(limits: ScanLimits = scanLimits, whole?: ScanBudget) {
    this.#limits = limits;
    this.#endMs = performance.now() + limits.ms;
    this.#whole = whole;
  }

  /**
   * Returns a separate budget for a part of the search, whose messages also count toward this one.
   */
  part(limits: ScanLimits): ScanBudget {
    return new ScanBudget(limits, this);
  }

  spend(message: Pick<KafkaMessage, 'key' | 'value'>): void {
    this.scanned += 1;
    this.#bytes += sizeOf(message);
    this.#whole?.spend(message);
  }

  get isSpent(): boolean {
    const { messages, bytes } = this.#limits;
    return this.scanned >= messages || this.#bytes >= bytes || performance.now() >= this.#endMs;
  }
}

/** Returns the total size of key and value, in bytes. */
export function sizeOf({ key, value }: Pick<KafkaMessage, 'key' | 'value'>): number {
  return (key?.length ?? 0) + (value?.length ?? 0);
}
