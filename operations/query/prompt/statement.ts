/** Strings, quoted names and comments, in which a semicolon does not end a statement. */
const opaque =
  /'(?:[^'\\]|\\[^])*'?|"(?:[^"\\]|\\[^])*"?|`(?:[^`\\]|\\[^])*`?|--[^\n]*|#[ !][^\n]*|\/\*[^]*?(?:\*\/|$)/y;

/**
 * Returns the first statement in `text`, and the rest after its semicolon; undefined if the
 * statement is not complete.
 */
export function firstStatement(text: string): { readonly sql: string; readonly rest: string } | undefined {
  for (let at = 0; at < text.length; at++) {
    opaque.lastIndex = at;
    const skipped = opaque.exec(text)?.[0];
    if (skipped !== undefined) at += skipped.length - 1;
    else if (text[at] === ';') return { sql: text.slice(0, at).trim(), rest: text.slice(at + 1).trimStart() };
  }
  return undefined;
}

/** Returns the statement on one line, for the history. Line comments become block comments. */
export function oneLine(text: string): string {
  let line = '';
  for (let at = 0; at < text.length;) {
    opaque.lastIndex = at;
    const skipped = opaque.exec(text)?.[0] ?? '';
    const [comment, content = ''] = /^(?:--|#)([^\n]*)/.exec(skipped) ?? [];
    if (comment !== undefined)
      line += content.trim() === '' ? '' : `/* ${content.trim().replaceAll('*/', '* /')} */`;
    else line += skipped === '' ? (text[at] ?? '').replace(/\s/, ' ') : skipped.replaceAll('\n', ' ');
    at += Math.max(1, skipped.length);
  }
  return line.replace(/ {2,}/g, ' ').trim();
}
