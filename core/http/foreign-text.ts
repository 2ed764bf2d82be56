import { REDACTED, redacted } from '../redact.ts';
import { UNPRINTABLE } from '../terminal/terminal.ts';

const MAX_CHARACTERS = 300;

/** The maximum number of characters that are read: longer text would be cut anyway. */
const MAX_READ = 32_768;
/**
 * Characters dropped from the end of longer text: a truncated secret there would not be
 * recognized.
 */
const MAX_SECRET = 1_024;

/**
 * Returns another program's text as one truncated line without control characters or our secrets.
 */
export function foreignText(text: string, maxCharacters = MAX_CHARACTERS): string {
  const isLong = text.length > MAX_READ;
  const safe = redacted(text.slice(0, MAX_READ)).slice(0, isLong ? -MAX_SECRET : undefined);
  const line = safe.replace(UNPRINTABLE, ' ').replace(/\s+/g, ' ').trim().toWellFormed();
  const characters = Array.from(line);
  return characters.length > maxCharacters || isLong
    ? `${withoutPart(characters.slice(0, maxCharacters).join(''), line)}…`
    : line;
}

/** Removes a partial redaction from the end of `start`. */
function withoutPart(start: string, line: string): string {
  const at = line.lastIndexOf(REDACTED, start.length);
  return at >= 0 && at < start.length && at + REDACTED.length > start.length ? start.slice(0, at) : start;
}

/**
 * Describes an unexpected body by its type and its start. For JSON, which may contain records,
 * returns the length instead of the start.
 */
export function bodyExcerpt(contentType: string | undefined, body: string): string {
  const type = foreignText(contentType ?? 'no content type', 80);
  if (body.trim() === '') return `${type}, an empty body`;
  if (/^\s*[[{"]/.test(body)) return `${type}, ${body.length} characters`;
  return `${type}, begins ${JSON.stringify(foreignText(body, 120))}`;
}
