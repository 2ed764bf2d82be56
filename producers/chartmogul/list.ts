import { UnexpectedAnswerError } from '../../core/errors.ts';
import type { JsonObject, JsonValue } from '../../core/json.ts';

/**
 * The list within an answer: under the declared key, else under `entries`, else the only array there is.
 *
 * @throws UnexpectedAnswerError naming the keys that were seen, when no list can be told.
 */
export function listWithin(answer: JsonObject, listKey: string, where: string): JsonValue[] {
  for (const key of [listKey, 'entries']) {
    const list = answer[key];
    if (Array.isArray(list)) return list;
  }
  const [only, ...more] = Object.values(answer).filter((value) => Array.isArray(value));
  if (only !== undefined && more.length === 0) return only;
  const seen = Object.keys(answer).join(', ');
  throw new UnexpectedAnswerError(
    `${where} answered ${only === undefined ? 'no list' : 'several lists'}: wants one under "${listKey}", saw the keys ${seen || 'none'}`,
  );
}
