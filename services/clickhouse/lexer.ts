/**
 * A word, a quoted string or any other single character, outside comments, heredocs and deeper
 * brackets.
 */
export interface Token {
  readonly text: string;
  readonly word: string;
  readonly isWord: boolean;
  readonly start: number;
  readonly end: number;
}

const lexeme = new RegExp(
  [
    String.raw`(?<blank>\s+|--[^\n]*|#[ !][^\n]*|/\*[\s\S]*?(?:\*/|$))`,
    String.raw`(?<quoted>'(?:[^'\\]|\\[\s\S])*'?|"(?:[^"\\]|\\[\s\S])*"?|\x60(?:[^\x60\\]|\\[\s\S])*\x60?)`,
    String.raw`(?<heredoc>\$(?<tag>\w*)\$[\s\S]*?(?:\$\k<tag>\$|$))`,
    String.raw`(?<word>[A-Za-z0-9_\x80-\uffff][A-Za-z0-9_$\x80-\uffff]*)`,
    String.raw`(?<sign>[\s\S])`,
  ].join('|'),
  'y',
);

/**
 * Yields the tokens of a query that are inside at most `maxDepth` brackets (0: outside all). Never
 * reads ahead.
 */
export function* topLevelTokens(sql: string, maxDepth = 0): Generator<Token, undefined> {
  let depth = 0;
  for (let at = 0; at < sql.length;) {
    lexeme.lastIndex = at;
    const match = lexeme.exec(sql);
    if (match === null) return undefined;
    const [text] = match;
    const { word, sign, quoted } = match.groups ?? {};
    const isClosing = sign !== undefined && ')]}'.includes(sign);
    if (isClosing) depth = Math.max(0, depth - 1);
    const isToken = word !== undefined || sign !== undefined || quoted !== undefined;
    if (isToken && depth <= maxDepth) {
      yield { text, word: text.toUpperCase(), isWord: word !== undefined, start: at, end: at + text.length };
    }
    if (sign !== undefined && '([{'.includes(sign)) depth += 1;
    at += text.length;
  }
  return undefined;
}
