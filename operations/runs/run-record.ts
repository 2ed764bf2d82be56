import type { Registry } from '../../core/avro/registry.ts';
import { IncompatibleSchemaError, RecordError } from '../../core/errors.ts';
import { RUNS } from '../../producers/publish/send-run.ts';
import { MessageDecoder } from '../messages/message-decoder.ts';

export const outcomes = ['done', 'failed', 'stopped', 'absent'] as const;
export type Outcome = (typeof outcomes)[number];

const counted = {
  pages: 'pages',
  requests: 'requests',
  retries: 'retries',
  rateLimited: 'rate_limited',
  records: 'records',
  new: 'new',
  changed: 'changed',
  unchanged: 'unchanged',
  deleted: 'deleted',
  deadLettered: 'dead_lettered',
  discarded: 'discarded',
  denied: 'denied',
  messages: 'messages',
  bytes: 'bytes',
} as const;

/** The counts, described in `schemas/runs.avsc`. They are far below 2^53. */
export type RunCounts = Readonly<Record<keyof typeof counted, number>>;

/** Result of one run of `produce` for one stream. */
export interface StreamRun {
  readonly run: string;
  readonly stream: string;
  readonly outcome: Outcome;
  /** The time at which Kafka received the record. */
  readonly recordedAtMs: number;
  /** Null if the run ended before the stream began. */
  readonly startedAtMs: number | null;
  readonly finishedAtMs: number | null;
  readonly seconds: number;
  /** The reason why the stream failed, with the remedy. */
  readonly failure: string | null;
  readonly failureCode: string | null;
  readonly absence: string | null;
  readonly isResumed: boolean;
  /** The new fields as `field (type)`. */
  readonly newFields: readonly string[];
  readonly counts: RunCounts;
}

/** The members of a record of the topic `runs`. Its numbers are far below 2^53. */
export type RunMembers = Readonly<Record<string, unknown>>;

/**
 * Decodes messages of the topic `runs`, to which any client may write. Requests each schema once.
 */
export class RunDecoder {
  readonly #decoder: MessageDecoder;

  constructor(registry: Registry) {
    this.#decoder = new MessageDecoder(registry, RUNS);
  }

  /** Returns undefined for bytes that are not a record. @throws the errors of the registry. */
  async members(value: Buffer): Promise<RunMembers | undefined> {
    try {
      return JSON.parse(await this.#decoder.jsonOf(value)) as RunMembers;
    } catch (error) {
      const isForeign = [RecordError, IncompatibleSchemaError, SyntaxError].some(
        (type) => error instanceof type,
      );
      if (isForeign) return undefined;
      throw error;
    }
  }

  /**
   * Returns undefined for bytes that are not a record of a run.
   * @throws the errors of the registry.
   */
  async decode(value: Buffer, recordedAtMs: number): Promise<StreamRun | undefined> {
    const members = await this.members(value);
    return members && streamRunOf(members, recordedAtMs);
  }
}

/** Returns undefined for a record without the members that every record of a run has. */
export function streamRunOf(record: RunMembers, recordedAtMs: number): StreamRun | undefined {
  const { run, stream, new_fields: newFields } = record;
  const outcome = outcomes.find((known) => known === record['outcome']);
  if (typeof run !== 'string' || typeof stream !== 'string' || outcome === undefined) return undefined;
  const counts = Object.entries(counted).map(([name, field]) => [name, numberOf(record[field]) ?? 0]);
  return {
    run,
    stream,
    outcome,
    recordedAtMs,
    startedAtMs: numberOf(record['started_at']),
    finishedAtMs: numberOf(record['finished_at']),
    seconds: numberOf(record['seconds']) ?? 0,
    failure: textOf(record['failure']),
    failureCode: textOf(record['failure_code']),
    absence: textOf(record['absence']),
    isResumed: record['is_resumed'] === true,
    newFields: Array.isArray(newFields) ? newFields.filter((field) => typeof field === 'string') : [],
    counts: Object.fromEntries(counts) as RunCounts,
  };
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
