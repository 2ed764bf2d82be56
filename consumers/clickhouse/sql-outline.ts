/** A whole quoted text has this in its place, character by character. */
const MASK = '_';

/**
 * A statement as the server prints it, of the same length, with `_` for every character of a quoted text or of a quoted name that is no
 * plain word. Comments, names and defaults hold what others have written: in an outline they cannot be taken for SQL.
 */
export function outlineOf(sql: string): string {
  const parts: string[] = [];
  let at = 0;
  for (let start = nextQuote(sql, 0); start < sql.length; start = nextQuote(sql, at)) {
    const end = endOfQuoted(sql, start);
    const quoted = sql.slice(start, end);
    parts.push(sql.slice(at, start), /^`\w+`$/.test(quoted) ? quoted : MASK.repeat(quoted.length));
    at = end;
  }
  return parts.join('') + sql.slice(at);
}

/** A name as it stands in a statement, without its quotes. */
export function nameIn(text: string): string {
  return text.startsWith('`')
    ? text.slice(1, -1).replace(/\\(.)|``/gs, (_, escaped?: string) => escaped ?? '`')
    : text;
}

function nextQuote(sql: string, from: number): number {
  const quote = /['"`]/g;
  quote.lastIndex = from;
  return quote.exec(sql)?.index ?? sql.length;
}

/** A quote within is escaped, or doubled, which reads as two texts. */
function endOfQuoted(sql: string, start: number): number {
  const next = sql[start] === "'" ? /\\.|'/gs : sql[start] === '"' ? /\\.|"/gs : /\\.|`/gs;
  next.lastIndex = start + 1;
  for (let match = next.exec(sql); match !== null; match = next.exec(sql)) {
    if (match[0].length === 1) return next.lastIndex;
  }
  return sql.length;
}
