import { AccessDeniedError, StreamNotFoundError } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import { shownKey } from '../../core/terminal/terminal.ts';
import { addressOf } from './address.ts';
import { readList } from './list-reader.ts';
import { CONCURRENT_LISTS, mergePages } from './merge-pages.ts';
import { sourceList, type SourceEvent, type SourceEvents, type SourceList } from './source-list.ts';
import { isAbsence, type StreamSource } from './stream-source.ts';

/**
 * After this many parents without a list, and none with a list, the reader checks whether the
 * address exists.
 */
const PARENTS_BEFORE_DOUBT = 50;

const SETTLED_PARENTS_TO_CHECK = 3;

type ParentList = SourceList & Required<Pick<SourceList, 'visit'>>;

/**
 * Reads one list for each parent to visit. The parent's key becomes part of the address and a field
 * of every child.
 *
 * @throws StreamNotFoundError or AccessDeniedError if no parent has a list, and the errors of
 * `readList`.
 */
export async function* readParentLists(source: StreamSource, path: string, field: string): SourceEvents {
  const { client, plan, observer } = source;
  let isFound = false;
  /** Parents whose list returned 404. Their visits end only once the address is known to exist. */
  const gone: ParentList[] = [];
  const denied: AccessDeniedError[] = [];
  const absent: Error[] = [];
  let settledAnswer: Promise<boolean> | undefined;
  const doesAddressExist = async () =>
    isFound || (await (settledAnswer ??= hasListOfSettledParent(source, path, field)));
  const read = async function* (list: ParentList): SourceEvents {
    let pages = 0;
    try {
      for await (const page of readList(client, list, observer)) {
        isFound = true;
        pages++;
        yield page;
      }
      yield { kind: 'visit-end', visit: list.visit };
    } catch (error) {
      if (error instanceof AccessDeniedError) {
        // Which children exist is unknown, so all are kept. The next run visits the parent again.
        denied.push(error);
      } else if (error instanceof StreamNotFoundError && pages === 0) {
        absent.push(error);
        gone.push(list);
      } else {
        // A 404 after the first page does not end the list: its remaining rows may still exist.
        throw error;
      }
      if (denied.length + absent.length >= PARENTS_BEFORE_DOUBT && !(await doesAddressExist())) throw error;
    }
    if (isFound) for (const list of gone.splice(0)) yield* emptyVisit(list);
  };
  const lists = parentLists(source, path, field, await plan.visits());
  yield* mergePages(lists, CONCURRENT_LISTS, read);
  const refusal: Error | undefined = denied[0] ?? absent[0];
  if (refusal !== undefined && !(await doesAddressExist())) throw refusal;
  for (const list of gone) yield* emptyVisit(list);
  for (const error of denied) observer.onDenied?.(error);
}

function* emptyVisit(list: ParentList): Generator<SourceEvent> {
  yield { kind: 'page', list, number: 1, entries: [], next: undefined };
  yield { kind: 'visit-end', visit: list.visit };
}

/** Returns whether one of the first few parents that do not need a visit has a list. */
async function hasListOfSettledParent(source: StreamSource, path: string, field: string): Promise<boolean> {
  const { client, spec, plan, observer } = source;
  let checked = 0;
  for (const parent of plan.settled()) {
    const address = addressOf(path, field, parent);
    if (address === undefined) continue;
    try {
      await client.get(address, spec.query, observer);
      return true;
    } catch (error) {
      if (!isAbsence(error)) throw error;
    }
    if (++checked >= SETTLED_PARENTS_TO_CHECK) break;
  }
  return false;
}

function* parentLists(
  { spec }: StreamSource,
  path: string,
  field: string,
  visits: Iterable<ParentList['visit']>,
): Generator<ParentList> {
  for (const visit of visits) {
    const address = addressOf(path, field, visit.parent);
    if (address !== undefined) yield { ...sourceList(spec, address), adds: { [field]: visit.parent }, visit };
    else
      logger.warn(
        { stream: spec.name, [field]: shownKey(visit.parent) },
        'parent skipped: its key cannot be part of a URL',
      );
  }
}
