/** The phase of a stream's sink. */
export type SinkPhase =
  /**
   * Adds the columns of the latest schema to the table, and later those of a schema that a message
   * names.
   */
  | 'learning'
  /** Determines from the table and the topic where to resume. */
  | 'positioning'
  /** Fills a batch. */
  | 'flowing'
  /** Inserts a batch and fills the next one. */
  | 'inserting'
  /** Reads nothing until its table is replaced or its topic exists again. */
  | 'failed'
  /** Inserts the messages that it has accepted, and accepts no more. */
  | 'stopping';

export type SinkEvent =
  | 'tableLearned'
  | 'schemaUnknown'
  | 'schemaLearned'
  /** The group has assigned partitions. */
  | 'assigned'
  | 'positioned'
  /** The topic was recreated or has lost messages. */
  | 'topicReplaced'
  | 'batchDue'
  | 'inserted'
  /** The table or the topic has changed, or the table refuses the batch. */
  | 'tableChanged'
  | 'failed'
  | 'recovered'
  | 'stopped';

/**
 * The transitions between the phases of a sink, as in DESIGN.md. An event that a phase does not
 * list is a defect.
 */
const transitions: Readonly<Record<SinkPhase, Partial<Record<SinkEvent, SinkPhase>>>> = {
  learning: {
    tableLearned: 'positioning',
    schemaLearned: 'flowing',
    assigned: 'learning',
    tableChanged: 'learning',
    failed: 'failed',
    stopped: 'stopping',
  },
  positioning: {
    positioned: 'flowing',
    assigned: 'positioning',
    tableChanged: 'learning',
    failed: 'failed',
    stopped: 'stopping',
  },
  flowing: {
    batchDue: 'inserting',
    schemaUnknown: 'learning',
    assigned: 'positioning',
    topicReplaced: 'positioning',
    tableChanged: 'learning',
    failed: 'failed',
    stopped: 'stopping',
  },
  inserting: {
    inserted: 'flowing',
    assigned: 'positioning',
    topicReplaced: 'positioning',
    tableChanged: 'learning',
    failed: 'failed',
    stopped: 'stopping',
  },
  failed: {
    recovered: 'learning',
    assigned: 'failed',
    tableChanged: 'failed',
    failed: 'failed',
    stopped: 'stopping',
  },
  stopping: {
    batchDue: 'stopping',
    inserted: 'stopping',
    assigned: 'stopping',
    tableChanged: 'stopping',
    stopped: 'stopping',
  },
};

/** Returns the phase that follows. @throws RangeError for an event that the phase does not list. */
export function nextPhase(phase: SinkPhase, event: SinkEvent): SinkPhase {
  const next = transitions[phase][event];
  if (next === undefined) throw new RangeError(`a sink that is ${phase} got the event ${event}`);
  return next;
}

/** The current phase of a stream's sink, and a way to wait until it may have changed. */
export class PhaseMachine {
  #phase: SinkPhase = 'learning';
  #events = 0;
  #wake: () => void = () => {};

  get phase(): SinkPhase {
    return this.#phase;
  }

  /**
   * Number of events that make a pending response obsolete. A step compares it before and after a
   * wait. An assignment does not count during `learning`, because schemas and tables do not depend
   * on the assigned partitions.
   */
  get events(): number {
    return this.#events;
  }

  isIn(...phases: readonly SinkPhase[]): boolean {
    return phases.includes(this.#phase);
  }

  on(event: SinkEvent): void {
    const isIrrelevant = this.#phase === 'learning' && event === 'assigned';
    this.#phase = nextPhase(this.#phase, event);
    if (!isIrrelevant) this.#events++;
    this.#wake();
  }

  /** Ends a wait, for example because there are new messages. */
  wake(): void {
    this.#wake();
  }

  /** Waits for an event or {@link wake}. Returns false if the time passed without either. */
  async woken(waitMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const isWoken = await new Promise<boolean>((resolve) => {
      this.#wake = () => resolve(true);
      timer = setTimeout(() => resolve(false), waitMs);
    });
    clearTimeout(timer);
    this.#wake = () => {};
    return isWoken;
  }
}
