import { UnexpectedAnswerError } from '../../core/errors.ts';
import { foreignText } from '../../core/http/foreign-text.ts';
import type { JsonObject, JsonValue } from '../../core/json.ts';

/** The most keys that the error names. */
const MAX_KEYS = 100;

/**
 * The list within an answer: under the declared key, else under `entries`, else the only array there is. Where one of the two
 * names holds something else than a list, no other array is taken for it.
 *
 * @throws UnexpectedAnswerError naming the keys that were seen, when no list can be told.
 */
export function listWithin(answer: JsonObject, listKey: string, where: string): JsonValue[] {
  const names = [listKey, 'entries'];
  for (const name of names) {
    const list = answer[name];
    if (Array.isArray(list)) return list;
  }
  const arrays = Object.values(answer).filter((value) => Array.isArray(value));
  const [only, ...more] = names.some((name) => Object.hasOwn(answer, name)) ? [] : arrays;
  if (only !== undefined && more.length === 0) return only;
  const seen = foreignText(Object.keys(answer).slice(0, MAX_KEYS).join(', '));
  throw new UnexpectedAnswerError(
    `${where} answered ${only === undefined ? 'no list' : 'several lists'}: wants one under "${listKey}", saw the keys ${seen || 'none'}`,
  );
}
