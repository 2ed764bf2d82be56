import { deadLetterHeaders } from '../../core/dead-letters/format.ts';
import { truncated } from '../../core/dead-letters/writer.ts';
import { messageOf, type EtlError } from '../../core/errors.ts';
import type { Page } from '../chartmogul/source-list.ts';
import { EMPTY_BATCH_BYTES, recordBytes, type Message } from './message.ts';
import type { RecordHash } from './record-hash.ts';

/** Reserves space for the headers that a redrive adds. */
const SPARE_BYTES = 16 * 1024;

interface RejectedRecord {
  readonly stream: string;
  readonly deadLetterKey: string;
  /** The record's own key, if it has one. */
  readonly key: string | undefined;
  /** The record as JSON, or the body of a request to the webhook. */
  readonly value: Buffer;
  readonly hash: RecordHash;
  readonly page: string;
}

/** Returns the dead letter of a record, truncated if a redrive would exceed the size limit. */
export function deadLetterMessage(
  { stream, deadLetterKey, key, value, hash, page }: RejectedRecord,
  error: EtlError,
  maxBytes: number,
): Message {
  const deadLetter = {
    key: deadLetterKey,
    value,
    headers: {
      [deadLetterHeaders.stream]: stream,
      [deadLetterHeaders.step]: 'produce',
      [deadLetterHeaders.code]: error.code,
      [deadLetterHeaders.reason]: messageOf(error),
      [deadLetterHeaders.page]: page,
      [deadLetterHeaders.hash]: hash,
      ...(key !== undefined && { [deadLetterHeaders.key]: key }),
    },
  };
  const isSmall = EMPTY_BATCH_BYTES + recordBytes(deadLetter) <= maxBytes - SPARE_BYTES;
  return isSmall ? deadLetter : truncated(deadLetter);
}

export function pageLabel({ list, number }: Page): string {
  return `${list.id}, page ${number}`;
}
