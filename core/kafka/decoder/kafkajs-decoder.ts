import { createRequire } from 'node:module';
import type { Fetched } from './fetched-message.ts';
import { decodeFetched, FetchBudget, MAGIC, MAGIC_AT } from './record-batch.ts';

/** Where kafkajs decodes the messages of an answer to a fetch: in version 2.2.4, which package.json asks for. */
const DECODER = 'kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js';

/** The bytes of an answer, read up to `offset`. */
interface KafkajsDecoder {
  offset: number;
  readInt32(): number;
  canReadBytes(length: number): boolean;
  readBytes(length: number): Buffer;
}

type DecodeMessages = (decoder: KafkajsDecoder) => Promise<unknown[]>;

let isReplaced = false;

/**
 * Lets the consumers of kafkajs decode what they fetch by {@link decodeFetched}, for two reasons:
 *
 * - kafkajs stands still for ever, without a word, at a batch of which compaction has taken every message, where a fetch brings nothing
 *   else, as at the end of a segment (https://github.com/tulios/kafkajs/issues/1072).
 * - It makes some 1.4 kB of objects of each message, and that was half of a sink's work.
 *
 * kafkajs loads its own when it decodes its first fetch: so this comes before.
 *
 * @throws Error (MODULE_NOT_FOUND) with a version of kafkajs that has no such module.
 */
export function replaceKafkajsDecoder(): void {
  if (isReplaced) return;
  const require = createRequire(import.meta.url);
  const original = require(DECODER) as DecodeMessages;
  const module = require.cache[require.resolve(DECODER)];
  if (module === undefined) throw new Error(`${DECODER} is not a module that can be replaced`);
  module.exports = decodeOr(original);
  isReplaced = true;
}

function decodeOr(original: DecodeMessages): DecodeMessages {
  // One decoder reads all partitions of an answer.
  const budgets = new WeakMap<KafkajsDecoder, FetchBudget>();
  return async (decoder): Promise<Fetched[] | unknown[]> => {
    const start = decoder.offset;
    const size = decoder.readInt32();
    if (size <= 0 || !decoder.canReadBytes(size)) return [];
    const bytes = decoder.readBytes(size);
    // Of what is cut off before it says its format, nothing can be read.
    if (size <= MAGIC_AT || bytes[MAGIC_AT] === MAGIC) {
      const budget = budgets.get(decoder) ?? new FetchBudget();
      budgets.set(decoder, budget);
      return decodeFetched(bytes, budget);
    }
    // Written before Kafka 0.11.
    decoder.offset = start;
    return original(decoder);
  };
}
