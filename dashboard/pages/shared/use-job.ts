import { useCallback, useEffect, useState } from 'preact/hooks';
import type { JobState } from '../../api/job.ts';
import { call } from './call.ts';
import { useApi } from './use-api.ts';

const RUNNING_MS = 700;
/** Another page may start the job. */
const IDLE_MS = 5_000;

export interface UsedJob<State> {
  readonly state: State | undefined;
  /** Why the state could not be read, or why the job could not be started or cancelled. */
  readonly error: Error | undefined;
  readonly isRunning: boolean;
  readonly start: (path: string, body: unknown) => void;
  readonly cancel: () => void;
}

/**
 * Starts, follows and cancels a job on the server.
 * @param path the address of the job's state.
 * @param cancelPath the address that cancels the job.
 */
export function useJob<State>(
  path: string,
  cancelPath: string,
  jobOf: (state: State) => JobState<unknown, unknown>,
): UsedJob<State> {
  const [isRunning, setRunning] = useState(false);
  const [failure, setFailure] = useState<Error>();
  const { data, error, reload } = useApi<State>(path, { refreshMs: isRunning ? RUNNING_MS : IDLE_MS });
  useEffect(() => {
    if (data !== undefined) setRunning(jobOf(data).state === 'running');
  }, [data]);
  const post = useCallback(
    (address: string, body: unknown) => {
      setFailure(undefined);
      call(address, { body })
        .catch((thrown: unknown) => setFailure(thrown instanceof Error ? thrown : new Error(String(thrown))))
        .finally(reload);
    },
    [reload],
  );
  const cancel = useCallback(() => post(cancelPath, {}), [post, cancelPath]);
  return { state: data, error: failure ?? error, isRunning, start: post, cancel };
}
