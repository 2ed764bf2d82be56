import { compactedAway, hasContext, type Fetched } from './fetched-message.ts';

/** An aborted transaction that overlaps the messages of a response. */
export interface AbortedTransaction {
  readonly producerId: string;
  readonly firstOffset: string;
}

/** A marker's key has two bytes of version and two of type. Type 0 is an abort. */
const TYPE_AT = 2;
const ABORT = 0;

/**
 * Finds the batches of aborted transactions in a partition. Its methods must be called for all
 * batches in order.
 */
export class AbortedTransactions {
  /**
   * The aborted transactions by first offset. Brokers list them in the order in which they were
   * aborted.
   */
  readonly #next: readonly { readonly producerId: string; readonly first: bigint }[];
  #begun = 0;
  readonly #producers = new Set<string>();

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#next = aborted
      .map(({ producerId, firstOffset }) => ({ producerId, first: BigInt(firstOffset) }))
      .sort((a, b) => (a.first < b.first ? -1 : 1));
  }

  /**
   * Returns whether the transaction of this producer at `lastOffset`, the end of a batch, was
   * aborted.
   */
  has(producerId: string, lastOffset: bigint): boolean {
    for (let next = this.#next[this.#begun]; next !== undefined && next.first <= lastOffset;) {
      this.#producers.add(next.producerId);
      next = this.#next[++this.#begun];
    }
    return this.#producers.has(producerId);
  }

  /** Ends the transaction of a producer if the key is that of an abort marker. */
  passMarker(producerId: string, key: Buffer | null): void {
    const isAbort = key !== null && key.length >= TYPE_AT + 2 && key.readInt16BE(TYPE_AT) === ABORT;
    if (isAbort) this.#producers.delete(producerId);
  }
}

/**
 * Returns the messages of a partition, with a mark in place of each aborted one. kafkajs's own
 * filter expects the transactions in the order of their first offsets and mistakes the key of any
 * message for that of a marker, so it may return aborted messages.
 */
export function markAborted(messages: readonly Fetched[], aborted: readonly AbortedTransaction[]): Fetched[] {
  const transactions = new AbortedTransactions(aborted);
  return messages.map((message) => {
    // The format of such a message predates transactions.
    if (!hasContext(message)) return message;
    const { offset, key, batchContext } = message;
    const { producerId, inTransaction, isControlBatch } = batchContext;
    const isAborted = transactions.has(producerId, BigInt(offset)) && inTransaction;
    if (isControlBatch) transactions.passMarker(producerId, key);
    else if (isAborted) return { ...compactedAway(offset, batchContext), isAborted };
    return message;
  });
}
