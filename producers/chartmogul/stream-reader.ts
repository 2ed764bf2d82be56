import { isDeepStrictEqual } from 'node:util';
import type { ProduceSettings } from '../../core/settings/config.ts';
import { AccessDeniedError, messageOf, RequestRefusedError, StreamNotFoundError } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import { shownKey } from '../../core/terminal/shown-key.ts';
import type { SliceState } from '../state/checkpoint.ts';
import { addressOf } from './address.ts';
import type { ChartMogulClient, RequestObserver } from './client.ts';
import { readList } from './list-reader.ts';
import { mergePages } from './merge-pages.ts';
import { metricLists } from './metrics.ts';
import { sourceList, type Page, type SourceList, type Visit } from './source-list.ts';
import type { ParentSpec, StreamSpec } from './streams.ts';

/** Lists of one stream that are read at a time; the client's own limit is over all streams. */
const LISTS_SIDE_BY_SIDE = 16;

/** So many parents without a list, and none with one: then it is the address that is not there, and the others are not asked. */
const PARENTS_BEFORE_DOUBT = 50;

/** Parents that need no visit and are asked whether the address is there. */
const PARENTS_TO_ASK = 3;

/** What decides which lists of a stream are read. */
export interface ReadPlan {
  /** Those of an interrupted run; empty for a run that begins. */
  readonly slices: ReadonlyMap<string, SliceState>;
  readonly metrics: ProduceSettings['metrics'];
  /** Whether the history of a metric's list, by its id, is on the topic. */
  readonly isHistoryKnown: (id: string) => boolean;
  /** The parents to visit, where the stream is read by its parents. */
  readonly visits: () => Promise<Iterable<Visit>>;
  /** Parents that were visited before and are not in this run. */
  readonly settled: () => Iterable<string>;
}

export interface StreamObserver extends RequestObserver {
  /** The account does not have this optional stream. */
  onAbsent?(reason: Error): void;
  /** One parent's list was denied, while the stream as such is there. */
  onDenied?(error: AccessDeniedError): void;
}

type Pages = AsyncGenerator<Page, void, undefined>;

/**
 * Every page of a stream that is left to read. Tries the stream's addresses in turn: an account, or a server that speaks the
 * API, may know only a later one.
 *
 * @throws StreamNotFoundError or AccessDeniedError where the account has none of the addresses ({@link isAbsence}),
 *   UnexpectedAnswerError, PaginationLoopError, and what `get` throws.
 */
export async function* readStream(
  client: ChartMogulClient,
  spec: StreamSpec,
  plan: ReadPlan,
  observer: StreamObserver,
): Pages {
  if (plan.slices.size > 0) {
    const lists = unfinished(spec, plan);
    try {
      yield* mergePages(lists, LISTS_SIDE_BY_SIDE, (list) => readList(client, list, observer));
      return;
    } catch (error) {
      if (!(error instanceof StreamNotFoundError) && !(error instanceof RequestRefusedError)) throw error;
      logger.info({ stream: spec.name, reason: error.message }, 'the lists of the last run are not there');
    }
    // The checkpoint forgets them.
    yield* planned(readAnew(client, spec, plan, observer), (first) => first.plan ?? []);
    return;
  }
  yield* readAnew(client, spec, plan, observer);
}

/** Pages of which the first says what is left to read beside its own list, so that a run interrupted after it knows. */
async function* planned(pages: Pages, planOf: (first: Page) => readonly SourceList[]): Pages {
  let isPlanned = false;
  for await (const page of pages) {
    yield isPlanned ? page : { ...page, plan: planOf(page) };
    isPlanned = true;
  }
}

async function* readAnew(
  client: ChartMogulClient,
  spec: StreamSpec,
  plan: ReadPlan,
  observer: StreamObserver,
): Pages {
  const refusals: Error[] = [];
  for (const path of spec.paths) {
    let isAnswered = false;
    try {
      for await (const page of readPath(client, spec, path, plan, observer)) {
        isAnswered = true;
        yield page;
      }
      return;
    } catch (error) {
      if (isAnswered || !(error instanceof StreamNotFoundError || error instanceof RequestRefusedError))
        throw error;
      refusals.push(error);
    }
  }
  const refusal = refusalOf(refusals);
  if (spec.isOptional !== true) throw refusal;
  observer.onAbsent?.(refusal);
}

/** Whether the account lacks the address: it does not exist (404), or its plan does not include it (403). */
export function isAbsence(error: unknown): error is StreamNotFoundError | AccessDeniedError {
  return error instanceof StreamNotFoundError || error instanceof AccessDeniedError;
}

/** Of several addresses: an account that lacks them all lacks the stream; one that refuses a request as such has it. */
function refusalOf(refusals: readonly Error[]): Error {
  const [first, ...others] = refusals;
  if (first === undefined) throw new RangeError('a stream without an address');
  const refusal = refusals.find((error) => !isAbsence(error));
  if (refusal !== undefined || others.length === 0) return refusal ?? first;
  const said = refusals.map(messageOf).join('; ');
  const denied = refusals.find((error) => error instanceof AccessDeniedError);
  return denied === undefined ? new StreamNotFoundError(said) : new AccessDeniedError(said);
}

/** Whether a list of a checkpoint is what a run would read today: the whole of an address, or an interval of a metric. */
export function isListed(spec: StreamSpec, id: string, { path, query }: SliceState): boolean {
  if (!spec.paths.includes(path)) return false;
  const today = sourceList(spec, path);
  return (
    spec.metric !== undefined || (id === today.id && isDeepStrictEqual({ ...query }, { ...today.query }))
  );
}

function unfinished(spec: StreamSpec, { slices, metrics }: ReadPlan): SourceList[] {
  const whole = new Map(
    spec.metric === undefined
      ? []
      : metricLists(spec, spec.paths[0], metrics, { today: new Date(), isHistoryKnown: () => false }).map(
          (list) => [list.id, list] as const,
        ),
  );
  return (
    [...slices]
      // An interval that is not wanted any more has no list to complete it.
      .filter(([id, { isDone }]) => !isDone && (spec.metric === undefined || whole.has(id)))
      .map(([id, { path, next, pages }]) => ({
        ...(whole.get(id) ?? sourceList(spec, path)),
        ...(next !== undefined && { from: { next, pages } }),
      }))
  );
}

async function* readPath(
  client: ChartMogulClient,
  spec: StreamSpec,
  path: string,
  plan: ReadPlan,
  observer: StreamObserver,
): Pages {
  if (spec.parent !== undefined && path.includes(`{${spec.parent.field}}`)) {
    yield* readOfParents(client, spec, path, spec.parent, plan, observer);
  } else if (spec.metric !== undefined) {
    const { metrics, isHistoryKnown } = plan;
    const lists = metricLists(spec, path, metrics, { today: new Date(), isHistoryKnown });
    const pages = mergePages(lists, LISTS_SIDE_BY_SIDE, (list) => readList(client, list, observer));
    yield* planned(pages, (first) => lists.filter(({ id }) => id !== first.list.id));
  } else {
    yield* readList(client, sourceList(spec, path), observer);
  }
}

/** One list for each parent, whose key becomes part of the address and of every child. */
async function* readOfParents(
  client: ChartMogulClient,
  spec: StreamSpec,
  path: string,
  { field }: ParentSpec,
  plan: ReadPlan,
  observer: StreamObserver,
): Pages {
  let found = 0;
  /** The empty lists of parents that went while others were visited; held back until the address is known to be there. */
  const gone: Page[] = [];
  const denied: AccessDeniedError[] = [];
  const absent: Error[] = [];
  let answer: Promise<boolean> | undefined;
  const isThere = async () =>
    found > 0 || (await (answer ??= hasList(client, spec, path, field, plan, observer)));
  const read = async function* (list: SourceList): Pages {
    let pages = 0;
    try {
      for await (const page of readList(client, list, observer)) {
        found++;
        pages++;
        yield page;
      }
    } catch (error) {
      if (error instanceof AccessDeniedError) {
        // Nothing is known of this parent's children: they stay, and it is visited again.
        denied.push(error);
      } else if (error instanceof StreamNotFoundError && pages === 0) {
        absent.push(error);
        gone.push({ list, number: 1, records: [], next: undefined });
      } else {
        // A 404 behind the first page is no end: what follows is not known to be gone.
        throw error;
      }
      if (denied.length + absent.length >= PARENTS_BEFORE_DOUBT && !(await isThere())) throw error;
    }
    if (found > 0) yield* gone.splice(0);
  };
  yield* mergePages(listsOf(spec, path, field, await plan.visits()), LISTS_SIDE_BY_SIDE, read);
  const refusal: Error | undefined = denied[0] ?? absent[0];
  if (refusal !== undefined && !(await isThere())) throw refusal;
  yield* gone;
  for (const error of denied) observer.onDenied?.(error);
}

/** Whether the address answers for one of the parents that this run need not visit: a few are asked. */
async function hasList(
  client: ChartMogulClient,
  spec: StreamSpec,
  path: string,
  field: string,
  plan: ReadPlan,
  observer: RequestObserver,
): Promise<boolean> {
  let asked = 0;
  for (const parent of plan.settled()) {
    const address = addressOf(path, field, parent);
    if (address === undefined) continue;
    try {
      await client.get(address, spec.query, observer);
      return true;
    } catch (error) {
      if (!isAbsence(error)) throw error;
    }
    if (++asked >= PARENTS_TO_ASK) break;
  }
  return false;
}

function* listsOf(
  spec: StreamSpec,
  path: string,
  field: string,
  visits: Iterable<Visit>,
): Generator<SourceList> {
  for (const visit of visits) {
    const address = addressOf(path, field, visit.parent);
    if (address === undefined) {
      logger.warn(
        { stream: spec.name, [field]: shownKey(visit.parent) },
        'a parent is left out: with its key the address of its list would be another one',
      );
      continue;
    }
    const list = sourceList(spec, address);
    yield { ...list, adds: { [field]: visit.parent }, visit };
  }
}
