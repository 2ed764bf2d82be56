/**
 * Masks a statement that the server printed: `_` replaces each character of quoted strings, and of
 * quoted names that are not plain words. So nothing that a user wrote is mistaken for SQL.
 */
export function outlineOf(sql: string): string {
  const parts: string[] = [];
  let at = 0;
  for (let start = nextQuote(sql, 0); start < sql.length; start = nextQuote(sql, at)) {
    const end = endOfQuoted(sql, start);
    const quoted = sql.slice(start, end);
    parts.push(sql.slice(at, start), /^`\w+`$/.test(quoted) ? quoted : '_'.repeat(quoted.length));
    at = end;
  }
  return parts.join('') + sql.slice(at);
}

/** Returns a name from a statement without its quotes. */
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

/**
 * Returns the end of a quoted string or name. A doubled quote inside it counts as the end of one
 * and the start of another.
 */
function endOfQuoted(sql: string, start: number): number {
  const next = sql[start] === "'" ? /\\.|'/gs : sql[start] === '"' ? /\\.|"/gs : /\\.|`/gs;
  next.lastIndex = start + 1;
  for (let match = next.exec(sql); match !== null; match = next.exec(sql)) {
    if (match[0].length === 1) return next.lastIndex;
  }
  return sql.length;
}
