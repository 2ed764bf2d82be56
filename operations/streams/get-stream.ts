import { streamNames } from '../../core/avro/schema-files.ts';
import { ConfigError } from '../../core/errors.ts';
import type { Settings } from '../../core/settings/config.ts';
import { subjectOf, viewOf } from '../../core/stream-name.ts';
import { attentionOf } from '../status/attention.ts';
import { gatherStatus } from '../status/gather-status.ts';
import type { Problem } from '../status/problem.ts';
import type { Status, StreamStatus } from '../status/stream-status.ts';

/** The status of one stream, with the names of its subject and view. */
export interface StreamDetail extends Pick<Status, 'atMs'> {
  readonly stream: StreamStatus;
  /** Problems, the most urgent first. */
  readonly attention: readonly Problem[];
  readonly subject: string;
  readonly view: string;
}

/**
 * Gathers the status of one stream.
 * @throws ConfigError for an unknown stream; the errors of {@link gatherStatus}.
 */
export async function getStream(
  settings: Settings,
  name: string,
  signal: AbortSignal,
): Promise<StreamDetail> {
  return streamIn(settings.topicPrefix, name, await gatherOne(settings, name, signal));
}

/**
 * Returns one stream of a status.
 * @throws ConfigError if the status lacks it.
 */
export function streamIn(topicPrefix: string, name: string, status: Status): StreamDetail {
  const streams = status.streams.filter(({ stream }) => stream === name);
  const [stream] = streams;
  if (stream === undefined) {
    if (status.failures.length === 0 && !streamNames.includes(name)) throw noSuchStream(name);
    const shown = `stream ${name.slice(0, 80)}`;
    throw new ConfigError(
      status.failures.length > 0
        ? `the status of ${shown} cannot be read: ${status.failures.join('; ')}`
        : `${shown} has no topic and no table yet: run \`npm run produce\``,
    );
  }
  const warnings = status.warnings.filter((warning) => warning.stream === name);
  return {
    atMs: status.atMs,
    stream,
    attention: attentionOf({ ...status, streams, warnings }),
    subject: subjectOf(topicPrefix, name),
    view: viewOf(name),
  };
}

function gatherOne(settings: Settings, name: string, signal: AbortSignal): Promise<Status> {
  return gatherStatus(settings, [name], signal).catch((error: unknown) => {
    // Replaced, because its message names the option `--streams` of `status`.
    if (!(error instanceof ConfigError)) throw error;
    throw noSuchStream(name, error);
  });
}

function noSuchStream(name: string, cause?: unknown): ConfigError {
  return new ConfigError(`there is no stream ${name.slice(0, 80)}; choose one from the list of streams`, {
    cause,
  });
}
