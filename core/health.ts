import { EtlError } from './errors.ts';

/** The health that a process reports to its supervisor, such as Kubernetes or systemd. */
export interface Health {
  /** Returns in one line why only a restart helps; undefined while the process works or waits. */
  readonly stuck: () => string | undefined;
  /** Returns in one line why the process cannot do its work now; undefined if it can. */
  readonly unready: () => string | undefined | Promise<string | undefined>;
}

/** Measures how long work has made no progress, as seen by the calls of {@link stillMs}. */
export class ProgressWatch {
  readonly #nowMs: () => number;
  #progress: string | undefined;
  #sinceMs = 0;

  /** @param nowMs a monotonic clock. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /**
   * Returns the number of milliseconds for which all calls have passed the same progress.
   * @param progress any text that changes with the work; undefined if there is nothing to do.
   */
  stillMs(progress: string | undefined): number {
    const nowMs = this.#nowMs();
    if (progress === undefined || progress !== this.#progress) this.#sinceMs = nowMs;
    this.#progress = progress;
    return nowMs - this.#sinceMs;
  }
}

/**
 * Returns a line such as `1 stream has failed: plans (ETL_TOPIC_GONE); see the log`; undefined if
 * none has failed. Does not quote error messages, because no login protects the response.
 */
export function failedStreams(
  streams: readonly { readonly stream: string; readonly failure: Error | undefined }[],
): string | undefined {
  const failed = streams.flatMap(({ stream, failure }) => (failure ? [stream + codeOf(failure)] : []));
  const [first] = failed;
  if (first === undefined) return undefined;
  if (failed.length === 1) return `1 stream has failed: ${first}; see the log`;
  return `${failed.length} streams have failed, ${first} first; see the log`;
}

/** Returns ` (ETL_TOPIC_GONE)`; an empty string for an error without a code. */
export function codeOf(error: unknown): string {
  return error instanceof EtlError ? ` (${error.code})` : '';
}
