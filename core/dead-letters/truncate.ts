import { deadLetterHeaders } from './dead-letter.ts';

/** What a letter keeps of a value or key that is too large: enough to look at, and less than any topic takes. */
const KEPT_VALUE_BYTES = 64 * 1024;
const KEPT_HEADER_BYTES = 8 * 1024;

interface Letter {
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, string | Buffer>>;
}

/** The letter with the first bytes of its value and headers, and headers that say how many there were; the same one where nothing is large. */
export function truncated<T extends Letter>(letter: T): T {
  const { truncated: ofValue, keyTruncated: ofKey } = deadLetterHeaders;
  const { value } = letter;
  const headers: Record<string, string | Buffer> = { ...letter.headers };
  let isCut = false;
  for (const [name, text] of Object.entries(headers)) {
    const bytes = Buffer.from(text);
    if (bytes.length <= KEPT_HEADER_BYTES) continue;
    isCut = true;
    headers[name] = bytes.subarray(0, KEPT_HEADER_BYTES);
    if (name === deadLetterHeaders.key) headers[ofKey] ??= String(bytes.length);
  }
  if (value.length > KEPT_VALUE_BYTES) {
    isCut = true;
    headers[ofValue] ??= String(value.length);
  }
  return isCut ? { ...letter, value: value.subarray(0, KEPT_VALUE_BYTES), headers } : letter;
}
