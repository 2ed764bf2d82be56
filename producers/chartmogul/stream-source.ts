import type { ProduceSettings } from '../../core/settings/config.ts';
import { AccessDeniedError, StreamNotFoundError } from '../../core/errors.ts';
import type { ChartMogulClient, RequestObserver } from './client.ts';
import type { KnownTexts } from './list-page.ts';
import type { ListProgress, Visit } from './source-list.ts';
import type { StreamSpec } from './streams.ts';

export interface ReadPlan {
  /** The lists of an interrupted run; empty for a new run. */
  readonly slices: ReadonlyMap<string, ListProgress>;
  readonly metrics: ProduceSettings['metrics'];
  /** Whether the topic holds the history of a metric's list, by the id of the list. */
  readonly isHistoryKnown: (id: string) => boolean;
  /** Returns the parents to visit. Called only if the stream is read by its parents. */
  readonly visits: () => Promise<Iterable<Visit>>;
  /** Returns the parents that need no visit in this run. */
  readonly settled: () => Iterable<string>;
}

export interface StreamObserver extends RequestObserver {
  /** The account lacks this optional stream. */
  onAbsent?(reason: Error): void;
  /** The list of one parent was denied, although the stream exists. */
  onDenied?(error: AccessDeniedError): void;
}

export interface StreamSource {
  readonly client: ChartMogulClient;
  readonly spec: StreamSpec;
  readonly plan: ReadPlan;
  readonly observer: StreamObserver;
  /** If set, the reader does not parse records whose texts the topic holds. */
  readonly known?: KnownTexts;
}

/** Whether the account lacks the address: it does not exist (404) or is not in its plan (403). */
export function isAbsence(error: unknown): error is StreamNotFoundError | AccessDeniedError {
  return error instanceof StreamNotFoundError || error instanceof AccessDeniedError;
}
