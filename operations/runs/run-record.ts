import { IncompatibleSchemaError } from '../../core/errors.ts';
import avro from 'avsc';
import type { Registry } from '../../core/avro/registry.ts';
import { FRAME_BYTES, schemaIdOf } from '../../core/avro/wire-format.ts';

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

/** See `schemas/runs.avsc`. Far below 2^53. */
export type RunCounts = Readonly<Record<keyof typeof counted, number>>;

/** What one run of `produce` did with one stream. */
export interface StreamRun {
  readonly run: string;
  readonly stream: string;
  readonly outcome: Outcome;
  /** When Kafka got the record of it. */
  readonly recordedAtMs: number;
  /** Null if the run ended before the stream began. */
  readonly startedAtMs: number | null;
  readonly finishedAtMs: number | null;
  readonly seconds: number;
  /** Why the stream failed, with its remedy. */
  readonly failure: string | null;
  readonly failureCode: string | null;
  readonly absence: string | null;
  readonly isResumed: boolean;
  /** As `field (type)`. */
  readonly newFields: readonly string[];
  readonly counts: RunCounts;
}

/** Decodes messages of the topic `runs`. Requests each schema once. */
export class RunDecoder {
  readonly #registry: Registry;
  readonly #types = new Map<number, Promise<avro.Type>>();

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** Undefined for bytes that are no record of a run. @throws the errors of the registry. */
  async decode(value: Buffer, recordedAtMs: number): Promise<StreamRun | undefined> {
    const id = idOf(value);
    if (id === undefined) return undefined;
    const known = this.#types.get(id) ?? this.#read(id);
    this.#types.set(id, known);
    const type = await known.catch((error: unknown) => {
      if (error instanceof IncompatibleSchemaError) return undefined;
      throw error;
    });
    if (type === undefined) return undefined;
    try {
      const record = type.fromBuffer(value.subarray(FRAME_BYTES)) as Readonly<Record<string, unknown>>;
      return streamRunOf(record, recordedAtMs);
    } catch {
      return undefined;
    }
  }

  /** Unlike RecordDecoder, its longs are numbers, which are several times as fast and large enough. */
  async #read(id: number): Promise<avro.Type> {
    return avro.Type.forSchema((await this.#registry.schemaById(id)) as unknown as avro.Schema);
  }
}

function idOf(value: Buffer): number | undefined {
  try {
    return schemaIdOf(value);
  } catch {
    return undefined;
  }
}

/** Returns undefined for a record that lacks what every record of a run has. */
export function streamRunOf(
  record: Readonly<Record<string, unknown>>,
  recordedAtMs: number,
): StreamRun | undefined {
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
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : null;
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
