import { useCallback, useEffect, useState } from 'preact/hooks';
import { call, CallError } from './call.ts';
import { repeatWhileVisible } from './repeat.ts';

export interface ApiState<T> {
  /**
   * The latest response. It remains while a newer request for the same path is running or has
   * failed.
   */
  readonly data: T | undefined;
  /** The reason why the latest call failed. */
  readonly error: Error | undefined;
  readonly isLoading: boolean;
  readonly reload: () => void;
}

/**
 * Fetches a path of the API, and fetches again when the path changes.
 * @param path if undefined, nothing is fetched.
 * @param refreshMs the pause between refreshes while the page is visible; if undefined, there are
 *   none.
 */
export function useApi<T>(path: string | undefined, { refreshMs }: { refreshMs?: number } = {}): ApiState<T> {
  const [state, setState] = useState<Omit<ApiState<T>, 'reload'> & { path?: string }>({
    data: undefined,
    error: undefined,
    isLoading: path !== undefined,
  });
  const [turn, setTurn] = useState(0);
  const reload = useCallback(() => setTurn((last) => last + 1), []);
  useEffect(() => {
    if (path === undefined) return undefined;
    const controller = new AbortController();
    setState((last) =>
      last.path === path
        ? { ...last, isLoading: true }
        : { data: undefined, error: undefined, isLoading: true, path },
    );
    const get = async () => {
      try {
        const data = await call<T>(path, { signal: controller.signal });
        if (!controller.signal.aborted) setState({ data, error: undefined, isLoading: false, path });
      } catch (thrown) {
        if (controller.signal.aborted) return;
        const error = thrown instanceof Error ? thrown : new CallError(String(thrown), 0);
        setState((last) => ({ ...last, error, isLoading: false }));
      }
    };
    const end = refreshMs === undefined ? void get() : repeatWhileVisible(document, refreshMs, get);
    return () => {
      controller.abort();
      end?.();
    };
  }, [path, refreshMs, turn]);
  return { ...state, reload };
}
