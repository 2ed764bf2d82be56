/**
 * Text normalized for comparison; `from` and `to` return the start and end of a character in the
 * original.
 */
export interface Reading {
  readonly text: string;
  from(at: number): number;
  to(at: number): number;
}

const MAX_ESCAPES = 4;

/** Matches invisible characters and any spaces after them, capitals, and ` `, `_` and `-`. */
const NORMALIZED = /(?:\u001b\[[0-9;?]*[ -/]*[@-~]|[\p{Cc}\p{Cf}\p{Zl}\p{Zp}])+ *|[\p{Lu} _-]/gu;

/** Escapes of URLs, JSON, source code and HTML. An HTML tag may split a word. */
const ESCAPES =
  /(?:%[0-9a-f]{2})+|\\+(?:u[0-9a-f]{4}|x[0-9a-f]{2}|[nrt])?|&(?:#\d{1,7}|#x[0-9a-f]{1,6}|amp|lt|gt|quot|apos);|<\/?[a-z][^<>]{0,99}>/g;

const htmlNames: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/**
 * Returns the text in lower case, without invisible characters. Spaces become `+` (as in forms),
 * and `-_` become `+/` (as in base64).
 */
export function plain(text: string): Reading {
  return normalized({ text, from: (at) => at, to: (at) => at + 1 });
}

/**
 * Resolves escapes, nested up to {@link MAX_ESCAPES} times. Returns text without escapes unchanged.
 */
export function unescaped(reading: Reading): Reading {
  let found = reading;
  for (let times = 0; times < MAX_ESCAPES; times++) {
    const next = replaced(found, ESCAPES, meaningOf);
    if (next === found) break;
    found = normalized(next);
  }
  return found;
}

function normalized(reading: Reading): Reading {
  return replaced(reading, NORMALIZED, (match) => {
    if (match === ' ' || match === '-') return '+';
    if (match === '_') return '/';
    return /^\p{Lu}/u.test(match) ? match.toLowerCase() : '';
  });
}

function meaningOf(escape: string): string {
  if (escape.startsWith('%')) return textOf(Buffer.from(escape.replaceAll('%', ''), 'hex'));
  if (escape.startsWith('<')) return '';
  const code = /^\\+[ux](.+)$|^&#x(.+);$/.exec(escape);
  if (code !== null) return characterOf(parseInt(code[1] ?? code[2] ?? '', 16));
  if (escape.startsWith('&#')) return characterOf(Number(escape.slice(2, -1)));
  return escape.startsWith('&') ? (htmlNames[escape.slice(1, -1)] ?? '') : '';
}

function textOf(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  return text.includes('\ufffd') ? bytes.toString('latin1') : text;
}

function characterOf(code: number): string {
  return code <= 0x10_ff_ff ? String.fromCodePoint(code) : '';
}

/** Replaces each match with its meaning; returns the reading itself if nothing matches. */
function replaced(reading: Reading, pattern: RegExp, meaning: (match: string) => string): Reading {
  const froms: number[] = [];
  const tos: number[] = [];
  let text = '';
  let end = 0;
  const keep = (until: number) => {
    for (let at = end; at < until; at++) {
      froms.push(reading.from(at));
      tos.push(reading.to(at));
    }
    text += reading.text.slice(end, until);
  };
  for (const { 0: match, index } of reading.text.matchAll(pattern)) {
    keep(index);
    end = index + match.length;
    const meant = meaning(match);
    for (let unit = 0; unit < meant.length; unit++) {
      froms.push(reading.from(index));
      tos.push(reading.to(end - 1));
    }
    text += meant;
  }
  if (end === 0) return reading;
  keep(reading.text.length);
  return { text, from: (at) => froms[at] ?? 0, to: (at) => tos[at] ?? 0 };
}
