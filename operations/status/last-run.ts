import type { Registry } from '../../core/avro/registry.ts';
import { DecodeError } from '../../core/errors.ts';
import { RunDecoder, type RunMembers } from '../runs/run-record.ts';
import type { RunMessage } from './journals.ts';

const outcomes = ['done', 'failed', 'stopped', 'absent'] as const;

/** The result of the last run of `produce` for a stream: see `schemas/runs.avsc`. */
export interface LastRun {
  readonly run: string;
  readonly outcome: (typeof outcomes)[number];
  /**
   * The time at which the stream ended, or at which the run was recorded if it ended before the
   * stream began.
   */
  readonly finishedAtMs: number;
  readonly failure: string | undefined;
  /** The reason why the stream counts as absent. */
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

/** Counts of the run for the stream; 0 if the record has none. */
export type RunCounts = Readonly<Record<keyof typeof counted, number>>;

/** Decodes a stream's last run. @throws DecodeError for invalid bytes; errors of the registry. */
export async function readLastRun(
  stream: string,
  { value, timeMs }: RunMessage,
  registry: Registry,
): Promise<LastRun> {
  const record = (await new RunDecoder(registry).members(value)) ?? {};
  const { run, finished_at: finishedAt, failure, absence } = record;
  const outcome = outcomes.find((known) => known === record['outcome']);
  if (typeof run !== 'string' || outcome === undefined)
    throw new DecodeError(
      `the last run of ${stream} cannot be read: a message on the topic of run records cannot be decoded`,
    );
  return {
    run,
    outcome,
    finishedAtMs: typeof finishedAt === 'number' ? finishedAt : timeMs,
    failure: typeof failure === 'string' ? failure : undefined,
    ...(typeof absence === 'string' && { absence }),
    counts: countsOf(record),
  };
}

function countsOf(record: RunMembers): RunCounts {
  const counts = Object.entries(counted).map(([name, field]) => [name, numberOf(record[field])] as const);
  return Object.fromEntries(counts) as RunCounts;
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
