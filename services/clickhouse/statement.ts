import { ClickHouseException } from './exception.ts';
import { topLevelTokens, type Token } from './lexer.ts';

export type Statement =
  /** An INSERT whose data follows it in the request. */
  | {
      readonly kind: 'insert';
      readonly dataAt: number;
      readonly format: string;
      /** The statement before VALUES or FORMAT. */
      readonly head: string;
      /** @param forced settings that override all others. */
      from(path: string, forced?: string): string;
    }
  | { readonly kind: 'rows'; readonly sql: string; readonly format: string; into(path: string): string }
  /** Any other statement. Its output is short enough to keep in memory. */
  | { readonly kind: 'command'; readonly sql: string };

const returnsRows = new Set('SELECT WITH FROM SHOW DESCRIBE DESC EXISTS EXPLAIN CHECK ('.split(' '));

/**
 * Separates a query from the data after it, and redirects its input or output to a file. The engine
 * parses everything else.
 * @param text one character per byte (latin1), since binary data may follow the query.
 * @throws ClickHouseException if the text contains no query or several queries.
 */
export function parseStatement(text: string, defaultFormat: string): Statement {
  const first = topLevelTokens(text).next().value;
  if (first === undefined) throw new ClickHouseException(62, 'SYNTAX_ERROR', 'Syntax error: Empty query.');
  const insert = first.word === 'INSERT' ? insertWithData(text) : undefined;
  if (insert !== undefined) return insert;

  const tokens = [...topLevelTokens(text)];
  const end = endOfStatement(text, tokens);
  const sql = utf8(text.slice(0, end));
  // EXPLAIN AST treats INTO OUTFILE and FORMAT as part of the explained statement.
  const isTree = first.word === 'EXPLAIN' && tokens[1]?.word === 'AST';
  if (isTree || !returnsRows.has(first.word) || tokens.some(({ word }) => word === 'INSERT'))
    return { kind: 'command', sql };
  return rows(text.slice(0, end), tokens, defaultFormat);
}

function insertWithData(text: string): Statement | undefined {
  let settingsAt: number | undefined;
  let previous: Token | undefined;
  for (const token of topLevelTokens(text)) {
    if (['SELECT', 'WITH', 'FROM', 'WATCH', ';'].includes(token.word)) return undefined;
    if (token.word === 'SETTINGS') settingsAt = token.start;
    const isValues = token.word === 'VALUES' && previous?.word !== 'FORMAT';
    if (isValues || (previous?.word === 'FORMAT' && token.isWord)) {
      const clauseAt = isValues ? token.start : (previous?.start ?? 0);
      const head = utf8(text.slice(0, settingsAt ?? clauseAt));
      const settings = settingsAt === undefined ? '' : utf8(text.slice(settingsAt, clauseAt));
      const format = isValues ? 'Values' : token.text;
      return {
        kind: 'insert',
        dataAt: isValues ? token.end : startOfData(text, token.end),
        format,
        head: utf8(text.slice(0, clauseAt)),
        from(path, forced = '') {
          // The last assignment of a setting wins.
          const clause =
            forced === '' ? settings : `${settings === '' ? 'SETTINGS' : `${settings},`} ${forced}`;
          return `${head}\nFROM INFILE '${path}' COMPRESSION 'none'\n${clause}\nFORMAT ${format}`;
        },
      };
    }
    previous = token;
  }
  return undefined;
}

/**
 * Returns the offset at which data begins: after the query's trailing white space, semicolon and
 * line break.
 */
function startOfData(text: string, queryEnd: number): number {
  const gap = /^[ \t\f]*;?[ \t\f]*\r?\n?/.exec(text.slice(queryEnd, queryEnd + 1_000))?.[0] ?? '';
  return queryEnd + gap.length;
}

function rows(sql: string, tokens: readonly Token[], defaultFormat: string): Statement {
  const clause = formatClause(tokens);
  const body = utf8(sql.slice(0, clause?.start ?? sql.length));
  const tail = utf8(clause === undefined ? '' : sql.slice(clause.end));
  const format = clause?.format ?? defaultFormat;
  return {
    kind: 'rows',
    sql: utf8(sql),
    format,
    into: (path) => `${body}\nINTO OUTFILE '${path}' COMPRESSION 'none'\nFORMAT ${format}${tail}`,
  };
}

function formatClause(tokens: readonly Token[]): { start: number; end: number; format: string } | undefined {
  const at = tokens.findLastIndex(({ word }) => word === 'FORMAT');
  const [keyword, name, next] = tokens.slice(Math.max(at, 0), at + 3);
  if (at < 0 || keyword === undefined || name?.isWord !== true) return undefined;
  const isLast = next === undefined || next.word === 'SETTINGS' || next.word === ';';
  return isLast ? { start: keyword.start, end: name.end, format: name.text } : undefined;
}

function endOfStatement(text: string, tokens: readonly Token[]): number {
  const at = tokens.findIndex(({ word }) => word === ';');
  if (at < 0) return text.length;
  if (tokens.slice(at).some(({ word }) => word !== ';')) {
    throw new ClickHouseException(62, 'SYNTAX_ERROR', 'Syntax error (Multi-statements are not allowed).');
  }
  return tokens[at]?.start ?? text.length;
}

function utf8(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8');
}
