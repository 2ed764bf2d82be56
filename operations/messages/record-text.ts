import { DecodeError } from '../../core/errors.ts';
import { prettyJson } from '../dead-letters/exact-json.ts';
import { MAX_JSON_LENGTH } from './message-decoder.ts';

/** The JSON of a record as a page shows it. */
export interface RecordText {
  readonly text: string;
  /** Whether only the start is shown. */
  readonly isCut: boolean;
}

const MAX_TEXT_LENGTH = 256 * 1024;
/**
 * Longer JSON is not reformatted, because even a one-digit number takes about 200 bytes once
 * parsed.
 */
const MAX_PARSED_LENGTH = 1024 * 1024;

/**
 * Returns the start of a record's JSON with one value per line. Very long JSON is not reformatted.
 * @throws SyntaxError, NestedTooDeeplyError
 */
export function recordText(json: string): RecordText {
  const text = json.length > MAX_PARSED_LENGTH ? json : prettyJson(json);
  const isCut = text.length > MAX_TEXT_LENGTH;
  // Copied, because a substring keeps the entire string in memory.
  const start = isCut ? Buffer.from(text.slice(0, MAX_TEXT_LENGTH)).toString() : text;
  return { text: start, isCut };
}

/**
 * Returns the text of bytes that should be JSON.
 * @throws SyntaxError, DecodeError, NestedTooDeeplyError if they cannot be shown as a record.
 */
export function jsonIn(bytes: Buffer): string {
  if (bytes.length > MAX_JSON_LENGTH)
    throw new DecodeError(`the JSON text is larger than ${MAX_JSON_LENGTH / 2 ** 20} MiB`);
  const json = bytes.toString('utf8');
  if (json.length > MAX_PARSED_LENGTH) JSON.parse(json);
  else prettyJson(json);
  return json;
}
