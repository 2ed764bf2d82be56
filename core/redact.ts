import { unescaped, plain, type Reading } from './reading.ts';

// A server or proxy may echo a secret encoded, escaped, in another case, or split over lines:
// `plain` and `unescaped` define the forms that are compared.

export const REDACTED = '[secret]';

/** A shorter secret occurs in too many words, so it is removed only as a separate word. */
const MIN_LENGTH = 4;
/** Our own sentences may contain shorter secrets, or secrets that are words, by chance. */
const MIN_OWN_LENGTH = 8;

interface Form {
  readonly secret: string;
  readonly text: string;
  /** True if our own sentences would not contain the text by chance. */
  readonly isDistinctive: boolean;
  /** For base64, the number of following digits that also encode part of the secret. */
  readonly partDigits: number;
}

const known = new Set<string>();
const forms: Form[] = [];

/** Makes {@link redacted} remove this text in every form in which a server may echo it. */
export function rememberSecret(secret: string): void {
  if (secret === '' || known.has(secret)) return;
  known.add(secret);
  forms.push(...formsOf(secret));
  rememberPasswordsIn(secret);
}

/** Forgets a secret that is no longer valid, such as a token that was replaced. */
export function forgetSecret(secret: string): void {
  if (!known.delete(secret)) return;
  for (let at = forms.length - 1; at >= 0; at--) if (forms[at]?.secret === secret) forms.splice(at, 1);
}

/**
 * Remembers the password, or the user if there is no password, of every URL in the text, and both
 * joined as in Basic auth.
 */
export function rememberPasswordsIn(text: string): void {
  for (const [, user = '', password] of text.matchAll(/\/\/([^/?#:@]*)(?::([^/?#]*))?@/g)) {
    rememberSecret(password ?? user);
    rememberSecret(decoded(password ?? user));
    rememberSecret(`${decoded(user)}:${decoded(password ?? '')}`);
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function formsOf(secret: string): Form[] {
  const bytes = Buffer.from(secret);
  const isDistinctive = secret.length >= MIN_OWN_LENGTH && !/^\p{L}*$/u.test(secret);
  const literal = plain(secret);
  const texts = new Set([literal.text, unescaped(literal).text]);
  texts.delete('');
  const spelled = Array.from(texts, (text) => ({ secret, text, isDistinctive, partDigits: 0 }));
  if (secret.length < MIN_LENGTH) return spelled;
  const hex = { secret, text: bytes.toString('hex'), isDistinctive: true, partDigits: 0 };
  return [...spelled, ...[0, 1, 2].map((before) => base64Form(secret, before)), hex];
}

/**
 * Returns the base64 digits that do not depend on neighbouring text, such as the user name of Basic
 * auth.
 */
function base64Form(secret: string, before: number): Form {
  const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(secret)]);
  const digits = (bytes.length * 8) / 6;
  const text = plain(bytes.toString('base64').slice(Math.ceil((before * 8) / 6), Math.floor(digits))).text;
  const partDigits = Number.isInteger(digits) ? 0 : 1;
  return { secret, text, isDistinctive: text.length >= MIN_OWN_LENGTH, partDigits };
}

export function redacted(text: string): string {
  return without(text, forms);
}

/**
 * Removes distinctive secrets from our own sentences, which may contain foreign text. A password
 * such as `clickhouse` stays: it is one of our words, and removing it would reveal it.
 */
export function redactedInOwnWords(text: string): string {
  return without(
    text,
    forms.filter(({ isDistinctive }) => isDistinctive),
  );
}

type Place = readonly [from: number, to: number];

function without(text: string, meant: readonly Form[]): string {
  if (meant.length === 0 || text === '') return text;
  const literal = plain(text);
  const readings = new Set([literal, unescaped(literal)]);
  const places = [...readings].flatMap((reading) => meant.flatMap((form) => placesOf(form, reading, text)));
  places.sort(([a], [b]) => a - b);
  let safe = '';
  let end = 0;
  for (const [from, to] of places) {
    // Overlapping places become one.
    if (from >= end) safe += text.slice(end, from) + REDACTED;
    end = Math.max(end, to);
  }
  return safe + text.slice(end);
}

function placesOf({ text, partDigits }: Form, reading: Reading, original: string): Place[] {
  const places: Place[] = [];
  for (let at = reading.text.indexOf(text); at >= 0; at = reading.text.indexOf(text, at + text.length)) {
    const from = reading.from(at);
    let to = reading.to(at + text.length - 1);
    if (partDigits > 0) to += /^[\w+/-]?={0,2}/.exec(original.slice(to, to + 3))?.[0].length ?? 0;
    if (text.length >= MIN_LENGTH || isWord(original, from, to)) places.push([from, to]);
  }
  return places;
}

function isWord(text: string, from: number, to: number): boolean {
  return !/[\p{L}\p{N}]$/u.test(text.slice(0, from)) && !/^[\p{L}\p{N}]/u.test(text.slice(to));
}
