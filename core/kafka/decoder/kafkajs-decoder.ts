import { createRequire } from 'node:module';
import { decodeFetched, FetchBudget, MAGIC, MAGIC_AT } from './record-batch.ts';

/** kafkajs's decoder of fetched messages in version 2.2.4, which package.json pins. */
const DECODER = 'kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js';

interface KafkajsDecoder {
  readonly buffer: Buffer;
  offset: number;
  readInt32(): number;
  canReadBytes(length: number): boolean;
  readBytes(length: number): Buffer;
}

type DecodeMessages = (decoder: KafkajsDecoder) => Promise<unknown[] | Buffer>;

let isReplaced = false;

/** Responses whose record batches are not decoded. */
const keptAnswers = new WeakSet<Buffer>();

/** Makes the record batches of this response, which kafkajs decodes next, come as one Buffer. */
export function keepBatches(answer: Buffer): void {
  keptAnswers.add(answer);
}

/**
 * Makes kafkajs's consumers decode with {@link decodeFetched}. Call it before the first fetch, at
 * which kafkajs loads its own decoder, which creates about 1.4 kB of objects per message and
 * silently stops forever at a batch whose messages were all compacted away, if the fetch returns
 * nothing else (https://github.com/tulios/kafkajs/issues/1072).
 * @throws Error (MODULE_NOT_FOUND) if this version of kafkajs lacks the module.
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
  // One decoder reads all partitions of a response.
  const budgets = new WeakMap<KafkajsDecoder, FetchBudget>();
  return async (decoder): Promise<unknown[] | Buffer> => {
    const start = decoder.offset;
    const size = decoder.readInt32();
    if (size <= 0 || !decoder.canReadBytes(size)) return [];
    const bytes = decoder.readBytes(size);
    // A batch that is cut before its format has no readable message.
    if (size <= MAGIC_AT || bytes[MAGIC_AT] === MAGIC) {
      if (keptAnswers.has(decoder.buffer)) return bytes;
      const budget = budgets.get(decoder) ?? new FetchBudget();
      budgets.set(decoder, budget);
      return decodeFetched(bytes, budget);
    }
    // The format of batches from before Kafka 0.11.
    decoder.offset = start;
    return original(decoder);
  };
}
