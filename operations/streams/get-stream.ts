import type { Settings } from '../../core/settings/config.ts';
import { ConfigError } from '../../core/errors.ts';
import { subjectOf, viewOf } from '../../core/stream-name.ts';
import { gatherStatus } from '../status/gather-status.ts';
import type { Status, StreamStatus } from '../status/stream-status.ts';

/** The status of one stream, with the names of what belongs to it. */
export interface StreamDetail extends Pick<Status, 'atMs' | 'warnings' | 'failures'> {
  readonly stream: StreamStatus;
  readonly subject: string;
  readonly view: string;
}

/** @throws ConfigError for an unknown stream; the errors of {@link gatherStatus}. */
export async function getStream(
  settings: Settings,
  name: string,
  signal: AbortSignal,
): Promise<StreamDetail> {
  const status = await gatherStatus(settings, [name], signal).catch((error: unknown) => {
    // It names an option of the command.
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(`there is no stream ${name.slice(0, 80)}; choose one of the list of streams`, {
      cause: error,
    });
  });
  const { atMs, streams, warnings, failures } = status;
  const [stream] = streams;
  if (stream === undefined) {
    const reason = failures.length > 0 ? failures.join('; ') : 'run `npm run produce`';
    throw new ConfigError(`stream ${name.slice(0, 80)} has no topic and no table yet: ${reason}`);
  }
  return {
    atMs,
    stream,
    warnings,
    failures,
    subject: subjectOf(settings.topicPrefix, name),
    view: viewOf(name),
  };
}
