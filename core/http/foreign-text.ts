/** Characters of another program's text that an error or a log line holds at most. */
const MAX_CHARACTERS = 300;

/** Control characters and those that change the direction of text or break a line. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\u2028\u2029]+/gu;

/**
 * The text of another program as part of an error: one line, cut, without control characters and without the secrets in any of
 * the forms in which a server may echo them.
 */
export function foreignText(
  text: string,
  secrets: readonly string[] = [],
  maxCharacters = MAX_CHARACTERS,
): string {
  let safe = text;
  for (const form of secrets.flatMap(formsOf)) safe = safe.replaceAll(form, '[secret]');
  const line = safe.replace(UNPRINTABLE, ' ').replace(/\s+/g, ' ').trim();
  return line.length > maxCharacters ? `${line.slice(0, maxCharacters)}…` : line;
}

/** Longer forms first: a shorter one may be part of them. */
function formsOf(secret: string): string[] {
  if (secret === '') return [];
  const bytes = Buffer.from(secret);
  const forms = [bytes.toString('base64'), bytes.toString('base64url'), encodeURIComponent(secret), secret];
  return [...new Set(forms)].sort((a, b) => b.length - a.length);
}

/** How a body that is not what was asked for begins, and its type. A body that looks like JSON holds records: of it, the length. */
export function bodyExcerpt(
  contentType: string | undefined,
  body: string,
  secrets: readonly string[] = [],
): string {
  const type = foreignText(contentType ?? 'no content type', secrets, 80);
  if (body.trim() === '') return `${type}, an empty body`;
  if (/^\s*[[{"]/.test(body)) return `${type}, ${body.length} characters`;
  return `${type}, begins ${JSON.stringify(foreignText(body, secrets, 120))}`;
}
