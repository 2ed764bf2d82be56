import { UnexpectedAnswerError } from '../../core/errors.ts';
import { foreignText } from '../../core/http/foreign-text.ts';
import type { JsonObject, JsonValue } from '../../core/json.ts';

/**
 * Returns the list in a response: under the declared key, else under `entries`, else the only
 * array. If one of these two keys has a value that is not a list, no other array is used.
 *
 * @throws UnexpectedAnswerError with the response's keys if there is no such list.
 */
export function listWithin(answer: JsonObject, listKey: string, where: string): JsonValue[] {
  const names = [listKey, 'entries'];
  const named = names.map((name) => answer[name]).find((value) => Array.isArray(value));
  if (named !== undefined) return named;
  const arrays = Object.values(answer).filter((value) => Array.isArray(value));
  const [only, ...more] = names.some((name) => Object.hasOwn(answer, name)) ? [] : arrays;
  if (only !== undefined && more.length === 0) return only;
  const seen = foreignText(Object.keys(answer).slice(0, 100).join(', '));
  throw new UnexpectedAnswerError(
    `${where} must return a list under "${listKey}"; got ${only === undefined ? 'no list' : 'several lists'}, with the keys ${seen || 'none'}`,
  );
}
