import type { Vanished } from '../state/vanished.ts';
import { visitToken } from '../state/checkpoint-tracker.ts';
import type { RecordHash } from '../encode/record-hash.ts';
import { visitMessage } from '../state/checkpoint.ts';
import type { Visit } from '../chartmogul/source-list.ts';
import type { ParentSpec } from '../chartmogul/streams.ts';
import type { Message } from '../encode/message.ts';
import type { Parents } from './parents.ts';
import type { StreamState } from '../state/read-back.ts';
import type { EncodedPage } from '../publish/transaction-writable.ts';

/** A parent whose list lacked children that the topic has under it. */
interface Suspicion {
  readonly token: RecordHash;
  readonly keys: readonly string[];
}

/**
 * The visits to the parents of one stream in one run. A visit is recorded with the page that ends its list, unless a child is
 * missing: then not before it is decided what became of the child, so that no interruption can lose the suspicion.
 */
export class Visits {
  readonly #stream: string;
  readonly #state: StreamState;
  readonly #round: number;
  readonly #isAll: boolean;
  readonly #suspicions = new Map<string, Suspicion>();
  #parents: Parents | undefined;

  constructor(stream: string, state: StreamState, round: number, visit: ParentSpec['visit']) {
    this.#stream = stream;
    this.#state = state;
    this.#round = round;
    this.#isAll = visit === 'all';
  }

  /** The stream is read by its parents in this run. */
  get isBegun(): boolean {
    return this.#parents !== undefined;
  }

  get living(): readonly string[] {
    return this.#parents?.keys ?? [];
  }

  /** Takes the living parents; gives how many are to be visited: all, or those that changed or were not visited in this round. */
  begin(parents: Parents): number {
    this.#parents = parents;
    const due = this.due();
    let count = 0;
    while (due.next().done !== true) count++;
    return count;
  }

  *due(): Generator<Visit> {
    for (const visit of this.#all()) if (this.#isDue(visit)) yield visit;
  }

  /** The parents that need no visit in this run. */
  *settled(): Generator<string> {
    for (const visit of this.#all()) if (!this.#isDue(visit)) yield visit.parent;
  }

  *#all(): Generator<Visit> {
    const { keys, hashes } = this.#parents ?? { keys: [], hashes: [] };
    for (const [index, parent] of keys.entries())
      yield { parent, token: visitToken(hashes[index] ?? Buffer.alloc(0), this.#round) };
  }

  #isDue({ parent, token }: Visit): boolean {
    return this.#isAll || this.#state.visits.compare(parent, token) !== 'unchanged';
  }

  /** For `pipeline`: encoded pages in and out, of which those that end a visit in doubt do not record it. */
  async *settle(pages: AsyncIterable<EncodedPage>): AsyncGenerator<EncodedPage, void, undefined> {
    for await (const encoded of pages) yield this.#settled(encoded);
  }

  #settled(encoded: EncodedPage): EncodedPage {
    const { page } = encoded;
    const { visit } = page.list;
    if (visit === undefined || page.next !== undefined) return encoded;
    const { keys, children } = this.#state;
    const missed = children.of(visit.parent).filter((key) => keys.has(key) && !keys.isSeen(key));
    if (missed.length === 0) return encoded;
    this.#suspicions.set(visit.parent, { token: visit.token, keys: missed });
    return { ...encoded, page: { ...page, isVisitOpen: true } };
  }

  /** The children that no list had in the end, those of parents that are gone among them. */
  vanished(): Vanished[] {
    const { keys, children } = this.#state;
    const isMissing = (key: string) => keys.has(key) && !keys.isSeen(key);
    // A parent that has just gone may have left them to one that was visited before: the next run knows.
    const ofLiving = [...this.#suspicions].flatMap(([parent, { keys: suspects }]) =>
      suspects.filter(isMissing).map((key) => ({ key, value: undefined, parent, isParentGone: false })),
    );
    for (const parent of this.living) children.live(parent);
    const known = new Set(ofLiving.map(({ key }) => key));
    const orphans = [...children.orphans()]
      .filter((key) => isMissing(key) && !known.has(key))
      .map((key) => ({ key, value: undefined, parent: undefined, isParentGone: true }));
    return [...ofLiving, ...orphans];
  }

  /** The visits in doubt, now that all is decided; none for a parent of which a child has to be missed once more. */
  messages(undecided: ReadonlySet<string>): Message[] {
    return [...this.#suspicions].map(([parent, { token }]) =>
      visitMessage(this.#stream, parent, undecided.has(parent) ? null : token),
    );
  }
}
