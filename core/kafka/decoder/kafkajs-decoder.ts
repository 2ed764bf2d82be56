import { createRequire } from 'node:module';
import { markAborted, type AbortedTransaction } from './aborted-transactions.ts';
import type { Fetched } from './fetched-message.ts';
import { decodeFetched, FetchBudget, MAGIC, MAGIC_AT } from './record-batch.ts';

/** The fetch request of kafkajs 2.2.4, which package.json pins, and its decoder of messages. */
const FETCH = 'kafkajs/src/protocol/requests/fetch/index.js';
const DECODER = 'kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js';

interface KafkajsDecoder {
  readonly buffer: Buffer;
  offset: number;
  readInt32(): number;
  canReadBytes(length: number): boolean;
  readBytes(length: number): Buffer;
}

interface FetchAnswer {
  readonly responses: readonly { readonly partitions: readonly PartitionAnswer[] }[];
}

interface PartitionAnswer {
  abortedTransactions?: readonly AbortedTransaction[] | null;
  messages: Fetched[] | Buffer;
}

interface FetchRequest {
  readonly response: { decode(answer: Buffer): Promise<FetchAnswer> };
}

interface FetchDefinition {
  protocol: (version: object) => (options: object) => FetchRequest;
}

type DecodeMessages = (decoder: KafkajsDecoder) => Promise<unknown[] | Buffer>;

let isReplaced = false;

/** Responses whose record batches are not decoded. */
const keptAnswers = new WeakSet<Buffer>();

/**
 * Makes kafkajs return the record batches of each partition in this response as one Buffer. Call it
 * before kafkajs decodes the response.
 */
export function keepBatches(answer: Buffer): void {
  keptAnswers.add(answer);
}

/**
 * Makes kafkajs's consumers decode with {@link decodeFetched}, and mark aborted messages with
 * {@link markAborted}. kafkajs's own decoder creates about 1.4 kB of objects per message. It also
 * stops forever, without an error, at a batch whose messages were all compacted away, if the fetch
 * returns nothing else (https://github.com/tulios/kafkajs/issues/1072). Call this before the first
 * fetch, when kafkajs loads its decoder.
 * @throws Error (MODULE_NOT_FOUND) if this version of kafkajs lacks the module.
 */
export function replaceKafkajsDecoder(): void {
  if (isReplaced) return;
  const require = createRequire(import.meta.url);
  const original = require(DECODER) as DecodeMessages;
  const module = require.cache[require.resolve(DECODER)];
  if (module === undefined) throw new Error(`${DECODER} is not a module that can be replaced`);
  module.exports = decodeOr(original);
  markAbortedMessages(require(FETCH) as FetchDefinition);
  isReplaced = true;
}

function markAbortedMessages(definition: FetchDefinition): void {
  const createProtocol = definition.protocol;
  definition.protocol = (version) => {
    const createRequest = createProtocol(version);
    return (options) => {
      const { response, ...request } = createRequest(options);
      const decode = async (bytes: Buffer) => {
        const answer = await response.decode(bytes);
        for (const partition of answer.responses.flatMap(({ partitions }) => partitions)) {
          const { messages, abortedTransactions } = partition;
          if (Buffer.isBuffer(messages) || (abortedTransactions ?? []).length === 0) continue;
          partition.messages = markAborted(messages, abortedTransactions ?? []);
          partition.abortedTransactions = [];
        }
        return answer;
      };
      return { ...request, response: { ...response, decode } };
    };
  };
}

function decodeOr(original: DecodeMessages): DecodeMessages {
  // One decoder reads all partitions of a response.
  const budgets = new WeakMap<KafkajsDecoder, FetchBudget>();
  return async (decoder): Promise<unknown[] | Buffer> => {
    const start = decoder.offset;
    const size = decoder.readInt32();
    if (size <= 0 || !decoder.canReadBytes(size)) return [];
    const bytes = decoder.readBytes(size);
    // A batch that is cut off before its format byte has no readable message.
    if (size <= MAGIC_AT || bytes[MAGIC_AT] === MAGIC) {
      if (keptAnswers.has(decoder.buffer)) return bytes;
      const budget = budgets.get(decoder) ?? new FetchBudget();
      budgets.set(decoder, budget);
      return decodeFetched(bytes, budget);
    }
    // The batches have a format from before Kafka 0.11.
    decoder.offset = start;
    return original(decoder);
  };
}
