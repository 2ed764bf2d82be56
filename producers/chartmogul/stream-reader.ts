import { isDeepStrictEqual } from 'node:util';
import { AccessDeniedError, messageOf, RequestRefusedError, StreamNotFoundError } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import { readList } from './list-reader.ts';
import { CONCURRENT_LISTS, mergePages } from './merge-pages.ts';
import { metricLists } from './metrics.ts';
import { readParentLists } from './parent-lists.ts';
import { sourceList, type ListProgress, type SourceEvents, type SourceList } from './source-list.ts';
import { isAbsence, type ReadPlan, type StreamSource } from './stream-source.ts';
import type { StreamSpec } from './streams.ts';

/**
 * Resumes the lists of an interrupted run. If there are none, or the server refuses them, tries the
 * stream's addresses in turn, because an account or a compatible server may lack the first one.
 *
 * @throws StreamNotFoundError or AccessDeniedError if the account has none of the addresses,
 * UnexpectedAnswerError, PaginationLoopError, and the errors of `ChartMogulClient.get`.
 */
export async function* readStream(source: StreamSource): SourceEvents {
  const { spec, plan } = source;
  if (plan.slices.size > 0) {
    try {
      yield* readLists(source, unfinishedLists(spec, plan));
      return;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      logger.info(
        { stream: spec.name, reason: error.message },
        'cannot resume the lists of the last run: reading the stream from its start',
      );
    }
  }
  yield* readFirstAddress(source);
}

async function* readFirstAddress(source: StreamSource): SourceEvents {
  const { spec, observer } = source;
  const refusals: Error[] = [];
  for (const path of spec.paths) {
    const { lists, events } = readAddress(source, path);
    let isAnswered = false;
    try {
      for await (const event of events) {
        // The plan comes with the first page, so an interrupted run resumes all lists, and only at
        // an address that responds.
        if (!isAnswered) yield { kind: 'plan', lists };
        isAnswered = true;
        yield event;
      }
      return;
    } catch (error) {
      if (isAnswered || !isRefusal(error)) throw error;
      refusals.push(error);
    }
  }
  const refusal = combined(refusals);
  if (spec.isOptional !== true) throw refusal;
  observer.onAbsent?.(refusal);
}

/** Returns the lists for the checkpoint, and a reader of all lists that has not started yet. */
function readAddress(source: StreamSource, path: string) {
  const { spec, plan } = source;
  if (spec.parent !== undefined && path.includes(`{${spec.parent.field}}`))
    return { lists: [], events: readParentLists(source, path, spec.parent.field) };
  const { metrics, isHistoryKnown } = plan;
  const lists =
    spec.metric === undefined
      ? [sourceList(spec, path)]
      : metricLists(spec, path, metrics, { today: new Date(), isHistoryKnown });
  return { lists, events: readLists(source, lists) };
}

function readLists({ client, observer, known }: StreamSource, lists: readonly SourceList[]): SourceEvents {
  const [only, ...others] = lists;
  return only !== undefined && others.length === 0
    ? readList(client, only, observer, known)
    : mergePages(lists, CONCURRENT_LISTS, (list) => readList(client, list, observer, known));
}

/**
 * Returns whether the server refused the address or the request, so that another address may work.
 */
function isRefusal(error: unknown): error is StreamNotFoundError | RequestRefusedError {
  return error instanceof StreamNotFoundError || error instanceof RequestRefusedError;
}

/** Returns one error for all addresses. The stream is absent only if every address is. */
function combined(refusals: readonly Error[]): Error {
  const [first, ...others] = refusals;
  if (first === undefined) throw new RangeError('a stream without an address');
  const refusal = refusals.find((error) => !isAbsence(error));
  if (refusal !== undefined || others.length === 0) return refusal ?? first;
  const reasons = refusals.map(messageOf).join('; ');
  const isDenied = refusals.some((error) => error instanceof AccessDeniedError);
  return isDenied ? new AccessDeniedError(reasons) : new StreamNotFoundError(reasons);
}

/**
 * Returns whether a run would now read this list of a checkpoint: the entire list at a path, or any
 * interval of a metric.
 */
export function isListed(spec: StreamSpec, id: string, { path, query }: ListProgress): boolean {
  if (!spec.paths.includes(path)) return false;
  if (spec.metric !== undefined) return true;
  const today = sourceList(spec, path);
  return id === today.id && isDeepStrictEqual({ ...query }, { ...today.query });
}

function unfinishedLists(spec: StreamSpec, { slices, metrics }: ReadPlan): SourceList[] {
  const options = { today: new Date(), isHistoryKnown: () => false };
  const lists = spec.metric && metricLists(spec, spec.paths[0], metrics, options);
  const metricsById = new Map(lists?.map((list) => [list.id, list]));
  // A list whose interval was removed from the settings can no longer be completed.
  return [...slices]
    .filter(([id, { isDone }]) => !isDone && (spec.metric === undefined || metricsById.has(id)))
    .map(([id, { path, next, pages }]) => ({
      ...(metricsById.get(id) ?? sourceList(spec, path)),
      ...(next !== undefined && { from: { next, pages } }),
    }));
}
