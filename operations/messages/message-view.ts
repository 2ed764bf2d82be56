import { isUtf8 } from 'node:buffer';
import { schemaIdOf } from '../../core/avro/wire-format.ts';
import { EtlError, messageOf } from '../../core/errors.ts';
import { messageTimeMs } from '../../core/kafka/message-time.ts';
import { visibleLine } from '../../core/terminal/terminal.ts';
import type { FoundMessage } from './collect-messages.ts';
import type { MessageDecoder } from './message-decoder.ts';
import { recordText, type RecordText } from './record-text.ts';
import { sizeOf } from './scan-budget.ts';

/** Bytes as text if they are printable UTF-8, otherwise as hexadecimal digits. */
export interface ShownBytes {
  readonly text: string;
  readonly isHex: boolean;
  /** Whether only the start is shown. */
  readonly isCut: boolean;
}

/** A message as plain data. No value is rounded. */
export interface MessageView {
  readonly partition: number;
  readonly offset: bigint;
  readonly timeMs: number;
  /** Null for a message without a key. */
  readonly key: ShownBytes | null;
  readonly headers: readonly { readonly name: string; readonly value: ShownBytes }[];
  /** Total size of key and value, in bytes. */
  readonly bytes: number;
  readonly isTombstone: boolean;
  /** Null for a tombstone, or if the value is not in Confluent framing. */
  readonly schemaId: number | null;
  /** The record as formatted JSON; null for a tombstone, or if the value cannot be decoded. */
  readonly record: RecordText | null;
  /** The first bytes of a value that cannot be decoded, and the reason. */
  readonly undecoded: { readonly why: string; readonly value: ShownBytes } | null;
}

const MAX_KEY_BYTES = 2_048;
const MAX_HEADER_BYTES = 2_048;
const MAX_HEADERS = 50;
const MAX_HEX_BYTES = 4_096;
/**
 * Characters that a browser or terminal does not display literally. Line breaks and tabs are
 * allowed.
 */
const CONTROLS = /[\p{Cc}\p{Zl}\p{Zp}]/u;

/** Returns a message as plain data. Never throws because of the contents of a message. */
export async function viewMessage(
  { partition, offset, message }: FoundMessage,
  decoder: MessageDecoder,
): Promise<MessageView> {
  const { key, value, timestamp } = message;
  const isTombstone = value === null;
  const schemaId = isTombstone ? null : frameOf(value);
  const content = isTombstone ? { record: null, undecoded: null } : await contentOf(value, decoder);
  return {
    partition,
    offset,
    timeMs: messageTimeMs(timestamp),
    key: key && shownBytes(key, MAX_KEY_BYTES),
    headers: headersOf(message.headers ?? {}),
    bytes: sizeOf(message),
    isTombstone,
    schemaId,
    ...content,
  };
}

export function shownBytes(bytes: Buffer, maxBytes: number): ShownBytes {
  const isCut = bytes.length > maxBytes;
  const start = bytes.subarray(0, isCut ? characterStart(bytes, maxBytes) : bytes.length);
  const text = start.toString('utf8');
  return isUtf8(start) && !CONTROLS.test(text.replace(/[\t\r\n]/g, ''))
    ? { text, isHex: false, isCut }
    : { text: bytes.toString('hex', 0, maxBytes), isHex: true, isCut };
}

/** Returns the last position up to `at` that is not within a UTF-8 character. */
function characterStart(bytes: Buffer, at: number): number {
  let start = at;
  while (start > 0 && ((bytes[start] ?? 0) & 0xc0) === 0x80) start -= 1;
  return start;
}

async function contentOf(
  value: Buffer,
  decoder: MessageDecoder,
): Promise<Pick<MessageView, 'record' | 'undecoded'>> {
  try {
    return { record: recordText(await decoder.jsonOf(value)), undecoded: null };
  } catch (error) {
    if (!(error instanceof EtlError || error instanceof SyntaxError)) throw error;
    const why = error instanceof SyntaxError ? 'the record is not JSON' : visibleLine(messageOf(error));
    const start = value.subarray(0, MAX_HEX_BYTES);
    const shown = { text: start.toString('hex'), isHex: true, isCut: value.length > start.length };
    return { record: null, undecoded: { why, value: shown } };
  }
}

function frameOf(value: Buffer): number | null {
  try {
    return schemaIdOf(value);
  } catch {
    return null;
  }
}

function headersOf(headers: NonNullable<FoundMessage['message']['headers']>): MessageView['headers'] {
  return Object.entries(headers)
    .flatMap(([name, value]) => [value].flat().map((each) => ({ name, value: each })))
    .slice(0, MAX_HEADERS)
    .map(({ name, value }) => ({
      name: name.slice(0, MAX_HEADER_BYTES),
      value: shownBytes(Buffer.from(value ?? ''), MAX_HEADER_BYTES),
    }));
}
