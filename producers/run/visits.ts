import type { Vanished } from '../state/vanished.ts';
import { visitToken } from '../state/checkpoint-tracker.ts';
import type { RecordHash } from '../encode/record-hash.ts';
import { visitMessage } from '../state/checkpoint.ts';
import type { Visit } from '../chartmogul/source-list.ts';
import type { ParentSpec } from '../chartmogul/streams.ts';
import type { Message } from '../encode/message.ts';
import type { Parents } from './parents.ts';
import type { StreamState } from '../state/read-back.ts';
import type { EncodedEvent } from '../publish/transaction-writable.ts';

/** A visit whose list lacked children that are on the topic. */
interface Suspicion {
  readonly token: RecordHash;
  readonly keys: readonly string[];
}

/**
 * The visits to the parents of one stream in one run. A visit is recorded when its list ends. If a
 * child is missing, the visit is recorded only once it is decided whether the child was deleted, so
 * that no interruption can lose the suspicion.
 */
export class Visits {
  readonly #stream: string;
  readonly #state: StreamState;
  readonly #round: number;
  readonly #isAll: boolean;
  readonly #suspicions = new Map<string, Suspicion>();
  #parents: Parents = { keys: [], hashes: [] };
  #isBegun = false;

  constructor(stream: string, state: StreamState, round: number, visit: ParentSpec['visit']) {
    this.#stream = stream;
    this.#state = state;
    this.#round = round;
    this.#isAll = visit === 'all';
  }

  /** Whether the stream is read parent by parent in this run. */
  get isBegun(): boolean {
    return this.#isBegun;
  }

  get living(): readonly string[] {
    return this.#parents.keys;
  }

  /** Sets the living parents. Returns the number of parents to visit. */
  begin(parents: Parents): number {
    this.#parents = parents;
    this.#isBegun = true;
    let count = 0;
    for (const visit of this.#all()) if (this.#isDue(visit)) count++;
    return count;
  }

  /** Returns the visits of this run, those to parents with events first. */
  *due(): Generator<Visit> {
    for (const visit of this.#all()) if (this.#isDue(visit) && this.#hasEvent(visit)) yield visit;
    for (const visit of this.#all()) if (this.#isDue(visit) && !this.#hasEvent(visit)) yield visit;
  }

  /** Returns the parents that do not need a visit in this run. */
  *settled(): Generator<string> {
    for (const visit of this.#all()) if (!this.#isDue(visit)) yield visit.parent;
  }

  *#all(): Generator<Visit> {
    const { keys, hashes, events } = this.#parents;
    for (const [index, parent] of keys.entries()) {
      const hash = hashes[index] ?? Buffer.alloc(0);
      yield { parent, token: visitToken(hash, this.#round, events?.latestOf(parent)) };
    }
  }

  #hasEvent({ parent }: Visit): boolean {
    return this.#parents.events !== undefined && this.#parents.events.latestOf(parent) !== '';
  }

  #isDue({ parent, token }: Visit): boolean {
    return this.#isAll || this.#state.visits.compare(parent, token) !== 'unchanged';
  }

  /** Holds back the end of a visit if its list lacked known children. A stage of `pipeline`. */
  async *settle(events: AsyncIterable<EncodedEvent>): AsyncGenerator<EncodedEvent, void, undefined> {
    for await (const event of events)
      if (event.kind !== 'visit-end' || !this.#isSuspicious(event.visit)) yield event;
  }

  #isSuspicious({ parent, token }: Visit): boolean {
    const missed = this.#state.children.of(parent).filter((key) => this.#isMissing(key));
    if (missed.length > 0) this.#suspicions.set(parent, { token, keys: missed });
    return missed.length > 0;
  }

  #isMissing(key: string): boolean {
    const { keys } = this.#state;
    return keys.has(key) && !keys.isSeen(key);
  }

  /** Returns the children that no list contained, including those of deleted parents. */
  vanished(): Vanished[] {
    const { children } = this.#state;
    // The children of a parent that was deleted during the run may have moved to a parent that was
    // visited earlier. They count as children of a living parent, and the next run decides.
    const vanished = new Map<string, Vanished>();
    for (const [parent, { keys }] of this.#suspicions)
      for (const key of keys.filter((key) => this.#isMissing(key)))
        vanished.set(key, { key, value: undefined, parent, isParentGone: false });
    for (const parent of this.living) children.live(parent);
    for (const key of children.orphans())
      if (this.#isMissing(key) && !vanished.has(key))
        vanished.set(key, { key, value: undefined, parent: undefined, isParentGone: true });
    return [...vanished.values()];
  }

  /** Returns checkpoints of the held-back visits. An undecided child makes its parent due again. */
  messages(undecided: ReadonlySet<string>): Message[] {
    return [...this.#suspicions].map(([parent, { token }]) =>
      visitMessage(this.#stream, parent, undecided.has(parent) ? null : token),
    );
  }
}
