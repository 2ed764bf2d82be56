import type { Registry } from '../../core/avro/registry.ts';
import { schemaIdOf } from '../../core/avro/wire-format.ts';
import { DecodeError } from '../../core/errors.ts';
import { RecordDecoder } from '../../producers/encode/record-decoder.ts';
import type { RunMessage } from './journals.ts';

const outcomes = ['done', 'failed', 'stopped', 'absent'] as const;

/** What the last run of `produce` did with a stream: see `schemas/runs.avsc`. */
export interface LastRun {
  readonly run: string;
  readonly outcome: (typeof outcomes)[number];
  /** When the stream ended; where the run ended before it began, when the run was told. */
  readonly finishedAtMs: number;
  readonly failure: string | undefined;
  /** Why an absent stream is taken to be so. */
  readonly absence?: string;
}

/**
 * Decodes the record of a run.
 *
 * @throws DecodeError for bytes that are none; what the registry raises.
 */
export async function readLastRun(
  stream: string,
  { value, timeMs }: RunMessage,
  registry: Registry,
): Promise<LastRun> {
  const unreadable = (cause?: unknown) =>
    new DecodeError(`the last run of ${stream} cannot be read: a message on the topic of runs that is none`, {
      cause,
    });
  const decoder = new RecordDecoder(await registry.schemaById(schemaIdOf(value)));
  let record: Readonly<Record<string, unknown>>;
  try {
    record = decoder.decode(value);
  } catch (error) {
    throw unreadable(error);
  }
  const { run, finished_at: finishedAt, failure, absence } = record;
  const outcome = outcomes.find((known) => known === record['outcome']);
  if (typeof run !== 'string' || outcome === undefined) throw unreadable();
  return {
    run,
    outcome,
    finishedAtMs: typeof finishedAt === 'number' ? finishedAt : timeMs,
    failure: typeof failure === 'string' ? failure : undefined,
    ...(typeof absence === 'string' && { absence }),
  };
}
