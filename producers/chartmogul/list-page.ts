import type { AnswerBody } from '../../core/http/answer-body.ts';
import { isJsonObject, parseJson, type JsonObject, type JsonValue } from '../../core/json.ts';
import { objectIn } from './client.ts';
import { findRecords, type KeyField, type PageSpans } from './find-records.ts';
import { listWithin } from './list.ts';
import { EntryText, ListEntry, parseText } from './list-entry.ts';
import type { SourceList } from './source-list.ts';

/** The JSON text from which each record on the topic was read. */
export interface KnownTexts {
  /**
   * Undefined while the schema is unknown, and if the JSON text of a single field does not
   * determine the key.
   */
  readonly keyField: KeyField | undefined;
  /** Returns whether the record on the topic with this key was read from the same text. */
  holds(text: EntryText): boolean;
}

/** The response to a request for a page. */
export interface ListPage {
  /** The response. Its list is empty if the entries were found without parsing the page. */
  readonly answer: JsonObject;
  readonly entries: readonly ListEntry[];
}

/**
 * Reads a page. Parsing is most of the work, so records whose text is already on the topic are not
 * parsed.
 *
 * @throws SyntaxError if the body is not JSON; UnexpectedAnswerError if it has no list.
 */
export function readPage(
  body: AnswerBody,
  list: SourceList,
  where: string,
  known: KnownTexts | undefined,
): ListPage {
  const spans = spansOf(body, list, known?.keyField);
  if (spans !== undefined) {
    const entries = spans.records.map((span) => {
      if (span.key === undefined)
        return new ListEntry(parseText(body.bytes.subarray(span.start, span.end), span.mayRound));
      const text = new EntryText(body.bytes, span, span.key);
      // Text that is not JSON fails here, where the client can still retry the request.
      return new ListEntry(known?.holds(text) === true ? undefined : text.parse(), text);
    });
    return { answer: parseJson(spans.envelope) as JsonObject, entries };
  }
  const answer = objectIn(body, list.path);
  const values = list.listKey === null ? [answer] : listWithin(answer, list.listKey, where);
  return { answer, entries: values.map((value) => new ListEntry(withFields(value, list.adds))) };
}

/**
 * Returns the positions of the page's records; undefined if the text alone does not determine a
 * record, or if the page's form is unusual.
 */
function spansOf(
  { bytes, isUtf8 }: AnswerBody,
  { listKey, adds }: SourceList,
  keyField: KeyField | undefined,
): PageSpans | undefined {
  if (keyField === undefined || listKey === null || adds !== undefined || !isUtf8) return undefined;
  return findRecords(bytes, [listKey, 'entries'], keyField);
}

function withFields(value: JsonValue, adds: SourceList['adds']): JsonValue {
  return adds !== undefined && isJsonObject(value) ? { ...value, ...adds } : value;
}
