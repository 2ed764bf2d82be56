import { hash } from 'node:crypto';
import type { RecordHash } from '../encode/record-hash.ts';
import { checkpointMessage, visitMessage, type Checkpoint } from './checkpoint.ts';
import type { ListProgress, SourceEvent, SourceList } from '../chartmogul/source-list.ts';
import type { Message } from '../encode/message.ts';

/** Cursors may expire, so a run that began longer ago than this is not resumed. */
const RESUMABLE_MS = 24 * 3_600_000;

const DAY_MS = 86_400_000;

export interface RunStart {
  readonly run: string;
  readonly nowMs: number;
  readonly isFull: boolean;
  readonly fullRoundDays: number;
  /** Returns whether a run would now read this list of the interrupted run. */
  readonly isListed: (id: string, list: ListProgress) => boolean;
}

/**
 * Returns the checkpoint that a run begins with: that of an interrupted run, or a new one. The
 * first run after `fullRoundDays`, and every run that sends all records, begins a full refresh.
 */
export function beginCheckpoint(
  previous: Checkpoint | undefined,
  start: RunStart,
): { readonly checkpoint: Checkpoint; readonly isResumed: boolean } {
  const { run, nowMs, isFull, fullRoundDays } = start;
  if (previous !== undefined && isResumable(previous, start))
    return { checkpoint: { ...previous, run }, isResumed: true };
  const isRoundDue = previous === undefined || isFull || nowMs - previous.roundAtMs >= fullRoundDays * DAY_MS;
  const expectedPages = previous?.isComplete === true ? previous.pages : previous?.expectedPages;
  const checkpoint: Checkpoint = {
    run,
    startedAtMs: nowMs,
    isFull,
    isComplete: false,
    round: isRoundDue ? (previous?.round ?? 0) + 1 : previous.round,
    roundAtMs: isRoundDue ? nowMs : previous.roundAtMs,
    pages: 0,
    records: 0,
    expectedPages,
    slices: new Map(),
  };
  return { checkpoint, isResumed: false };
}

/**
 * Returns whether a new run resumes the previous one. If the previous run has read everything but
 * is not complete, the new run starts over, because deletes require a run that has seen all pages.
 * It also starts over if the previous run began too long ago, if only the new run sends all
 * records, or if it would not read one of the previous run's lists.
 */
function isResumable(previous: Checkpoint, { nowMs, isFull, isListed }: RunStart): boolean {
  const { slices, startedAtMs } = previous;
  const isRecent = nowMs - startedAtMs < RESUMABLE_MS && nowMs >= startedAtMs;
  const isAllRead = slices.size > 0 && [...slices.values()].every(({ isDone }) => isDone);
  const areListed = [...slices].every(([id, list]) => isListed(id, list));
  return !previous.isComplete && isRecent && !isAllRead && areListed && (!isFull || previous.isFull);
}

/**
 * Returns the token of a visit, which changes with the parent's record, every full refresh, and the
 * parent's latest event.
 *
 * @param event empty if there is none.
 */
export function visitToken(parentHash: RecordHash, round: number, event = ''): RecordHash {
  const cause = event === '' ? String(round) : `${round} ${event}`;
  return hash('sha256', Buffer.concat([parentHash, Buffer.from(cause)]), 'buffer').subarray(0, 8);
}

/** Keeps the checkpoint of a stream consistent with the pages in its transactions. */
export class CheckpointTracker {
  readonly #stream: string;
  readonly #slices: Map<string, ListProgress>;
  #checkpoint: Checkpoint;
  #visits: Message[] = [];

  constructor(stream: string, checkpoint: Checkpoint) {
    this.#stream = stream;
    this.#slices = new Map(checkpoint.slices);
    this.#checkpoint = { ...checkpoint, slices: this.#slices };
  }

  get checkpoint(): Checkpoint {
    return this.#checkpoint;
  }

  /** Notes an event whose messages go into the next transaction. */
  advance(event: SourceEvent): void {
    switch (event.kind) {
      case 'plan':
        this.#slices.clear();
        for (const list of event.lists) this.#slices.set(list.id, progressOf(list, undefined, 0));
        return;
      case 'page': {
        const { list, number, entries, next } = event;
        const before = this.#checkpoint;
        this.#checkpoint = { ...before, pages: before.pages + 1, records: before.records + entries.length };
        if (list.visit === undefined) this.#slices.set(list.id, progressOf(list, next, number));
        return;
      }
      case 'visit-end':
        this.#visits.push(visitMessage(this.#stream, event.visit.parent, event.visit.token));
    }
  }

  /**
   * Returns the messages for the topic `checkpoints` that record the events since the last call.
   */
  take(): Message[] {
    const messages = [...this.#visits, checkpointMessage(this.#stream, this.#checkpoint)];
    this.#visits = [];
    return messages;
  }

  /**
   * Returns the messages that mark the run as complete: everything is read, and every delete is
   * sent.
   */
  complete(): Message[] {
    this.#checkpoint = { ...this.#checkpoint, isComplete: true };
    return this.take();
  }
}

function progressOf({ path, query }: SourceList, next: ListProgress['next'], pages: number): ListProgress {
  return { path, query, next, pages, isDone: pages > 0 && next === undefined };
}
