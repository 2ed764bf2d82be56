import { useEffect, useRef, useState } from 'preact/hooks';
import type { SqlDownload, SqlResult } from '../../api/sql.ts';
import { call, CallError } from '../shared/call.ts';

/** Longer than the server's own limit for a query. */
const DEADLINE_MS = 90_000;

export interface QueryState {
  readonly result: SqlResult | undefined;
  /** The query of the result or error. */
  readonly sql: string;
  readonly error: Error | undefined;
  /** The time at which the running query began. */
  readonly sinceMs: number | undefined;
  readonly wasCancelled: boolean;
}

const nothing: QueryState = {
  result: undefined,
  sql: '',
  error: undefined,
  sinceMs: undefined,
  wasCancelled: false,
};

export interface Query {
  readonly state: QueryState;
  readonly run: (sql: string) => void;
  /** Runs a query, and passes its entire result to the browser as a file. */
  readonly download: (sql: string, format: string) => void;
  /** Ends the running query, on the server too. */
  readonly cancel: () => void;
}

/** Runs one query at a time. Starting another query or leaving the page cancels the running one. */
export function useQuery(): Query {
  const [state, setState] = useState(nothing);
  const running = useRef<AbortController | undefined>(undefined);
  const cancel = () => running.current?.abort();
  useEffect(() => cancel, []);

  const begin = async (sql: string, work: (signal: AbortSignal) => Promise<Partial<QueryState>>) => {
    cancel();
    const controller = new AbortController();
    running.current = controller;
    setState((last) => ({ ...last, sinceMs: Date.now(), wasCancelled: false }));
    const end = (next: Partial<QueryState>) => {
      // The state belongs to a newer query.
      if (running.current !== controller) return;
      running.current = undefined;
      setState((last) => ({ ...last, ...next, sinceMs: undefined }));
    };
    try {
      end(await work(controller.signal));
    } catch (thrown) {
      if (controller.signal.aborted) {
        end({ wasCancelled: true, error: undefined });
        return;
      }
      const error = thrown instanceof Error ? thrown : new CallError(String(thrown), 0);
      end({ error, sql, result: undefined });
    }
  };

  return {
    state,
    cancel,
    run: (sql) =>
      void begin(sql, async (signal) => {
        const body = { sql };
        const result = await call<SqlResult>('/api/sql/run', { body, signal, deadlineMs: DEADLINE_MS });
        return { result, sql, error: undefined };
      }),
    download: (sql, format) =>
      void begin(sql, async (signal) => {
        const body = { sql, format };
        const { id, fileName } = await call<SqlDownload>('/api/sql/downloads', {
          body,
          signal,
          deadlineMs: DEADLINE_MS,
        });
        const link = document.createElement('a');
        link.href = `/api/sql/downloads/${id}`;
        link.download = fileName;
        link.click();
        return { error: undefined };
      }),
  };
}
