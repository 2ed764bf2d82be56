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
  /** Returns whether the topic has the history of the metric's list with this id. */
  readonly isHistoryKnown: (id: string) => boolean;
  /** Returns the parents to visit. Called only if the stream is read parent by parent. */
  readonly visits: () => Promise<Iterable<Visit>>;
  /** Returns the parents that do not need a visit in this run. */
  readonly settled: () => Iterable<string>;
}

export interface StreamObserver extends RequestObserver {
  /** Called if the account lacks this optional stream. */
  onAbsent?(reason: Error): void;
  /** Called if the list of one parent was denied, although the stream exists. */
  onDenied?(error: AccessDeniedError): void;
}

export interface StreamSource {
  readonly client: ChartMogulClient;
  readonly spec: StreamSpec;
  readonly plan: ReadPlan;
  readonly observer: StreamObserver;
  /** If set, the reader does not parse records whose text is already on the topic. */
  readonly known?: KnownTexts;
}

/**
 * Returns whether the account lacks the address: it does not exist (404, 410), or the account's
 * plan or the key's role does not include it (403).
 */
export function isAbsence(error: unknown): error is StreamNotFoundError | AccessDeniedError {
  return error instanceof StreamNotFoundError || error instanceof AccessDeniedError;
}
