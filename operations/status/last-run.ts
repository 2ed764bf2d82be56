import type { Registry } from '../../core/avro/registry.ts';
import { schemaIdOf } from '../../core/avro/wire-format.ts';
import { DecodeError } from '../../core/errors.ts';
import { RecordDecoder } from '../../producers/encode/record-decoder.ts';
import type { RunMessage } from './journals.ts';

const outcomes = ['done', 'failed', 'stopped', 'absent'] as const;

/** The result of the last run of `produce` for a stream: see `schemas/runs.avsc`. */
export interface LastRun {
  readonly run: string;
  readonly outcome: (typeof outcomes)[number];
  /** When the stream ended, or when the run was recorded if it ended before the stream began. */
  readonly finishedAtMs: number;
  readonly failure: string | undefined;
  /** Why the stream counts as absent. */
  readonly absence?: string;
  readonly counts?: RunCounts;
}

const counted = {
  records: 'records',
  new: 'new',
  changed: 'changed',
  deleted: 'deleted',
  requests: 'requests',
  retries: 'retries',
  rateLimited: 'rate_limited',
  seconds: 'seconds',
} as const;

/** What the run did with the stream; 0 where the record does not say. */
export type RunCounts = Readonly<Record<keyof typeof counted, number>>;

/** @throws DecodeError for invalid bytes; errors of the registry. */
export async function readLastRun(
  stream: string,
  { value, timeMs }: RunMessage,
  registry: Registry,
): Promise<LastRun> {
  const reason = `the last run of ${stream} cannot be read: a message on the topic of run records cannot be decoded`;
  const decoder = new RecordDecoder(await registry.schemaById(schemaIdOf(value)));
  let record: Readonly<Record<string, unknown>>;
  try {
    record = decoder.decode(value);
  } catch (error) {
    throw new DecodeError(reason, { cause: error });
  }
  const { run, finished_at: finishedAt, failure, absence } = record;
  const outcome = outcomes.find((known) => known === record['outcome']);
  if (typeof run !== 'string' || outcome === undefined) throw new DecodeError(reason);
  return {
    run,
    outcome,
    finishedAtMs: typeof finishedAt === 'number' ? finishedAt : timeMs,
    failure: typeof failure === 'string' ? failure : undefined,
    ...(typeof absence === 'string' && { absence }),
    counts: countsOf(record),
  };
}

function countsOf(record: Readonly<Record<string, unknown>>): RunCounts {
  const counts = Object.entries(counted).map(([name, field]) => [name, numberOf(record[field])] as const);
  return Object.fromEntries(counts) as RunCounts;
}

/** Counts are far below 2^53. */
function numberOf(value: unknown): number {
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : 0;
}
