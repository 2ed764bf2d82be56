import { createReadStream } from 'node:fs';
import { literal } from '../../core/clickhouse.ts';
import { notReadOnly, outsideOf, parseStatementTree } from '../../core/statement-tree.ts';
import type { Engine } from './engine.ts';
import { ClickHouseException } from './exception.ts';
import { topLevelTokens } from './lexer.ts';

// The engine is a library and takes itself for a tool of the user: by default it reads and writes every file and reaches every host.
// Grants and constraints (engine-config.ts) keep most of that away. What they do not know is decided here, from the engine's own
// parse of the statement.

/**
 * @param preparation of the statement's session, as far as it concerns its parse.
 * @param isReadOnly whether it may do nothing but read.
 * @throws ClickHouseException where the statement leaves the database, is several, or is none.
 */
export async function confine(
  engine: Engine,
  preparation: readonly string[],
  sql: string,
  isReadOnly: boolean,
): Promise<void> {
  const ask = async (statement: string) => {
    const room = sql.length < 100_000 ? [] : ['SET max_query_size = 1000000000'];
    const { output } = await engine.run([...room, ...preparation, statement], 'TSVRaw');
    return new TextDecoder().decode(output).trimEnd();
  };
  // One statement, without comments and in one spelling; which is not always SQL again, such as for columns called `and`.
  const canonical = await ask(`SELECT formatQuerySingleLine(${literal(sql)})`).catch(plainly);
  if (namesFile(canonical)) throw denied('INTO OUTFILE and FROM INFILE');
  if (makesDisk(canonical)) throw denied('a disk of its own');
  const nodes = parseStatementTree(await ask(`EXPLAIN AST ${sql}`));
  // A tree is all that is made of what EXPLAIN AST explains.
  const outside =
    nodes[0]?.label.startsWith('Explain EXPLAIN AST') === true ? undefined : outsideOf(nodes, canonical);
  if (outside !== undefined) throw denied(outside);
  const reason = isReadOnly ? notReadOnly(nodes, canonical) : undefined;
  if (reason !== undefined)
    throw new ClickHouseException(
      164,
      'READONLY',
      `A GET changes nothing, so ${reason}; POST takes any statement.`,
    );
}

/** Names are all that an INSERT of ours has before its format: such a head needs no second parse. */
export function isPlainInsert(head: string): boolean {
  return (
    /^\s*INSERT\s+INTO\s+(?!(TABLE\s+)?FUNCTION\b)[\w\s.,()`="{}:'*-]*$/i.test(head) && !head.includes('--')
  );
}

/**
 * Values may be expressions, which are no part of the statement that was judged. Data in which one could read a file is taken as
 * literals only.
 */
export async function literalsOnly(path: string): Promise<string> {
  let tail = '';
  for await (const part of createReadStream(path, 'latin1') as AsyncIterable<string>) {
    if (/file|select|[`"$]|\xe2\x80\x9c/i.test(tail + part))
      return 'input_format_values_interpret_expressions = 0, input_format_values_deduce_templates_of_expressions = 0';
    tail = part.slice(-8);
  }
  return '';
}

function namesFile(canonical: string): boolean {
  const tokens = [...topLevelTokens(canonical)];
  return tokens.some(
    ({ word }, at) =>
      ((word === 'OUTFILE' && tokens[at - 1]?.word === 'INTO') ||
        (word === 'INFILE' && tokens[at - 1]?.word === 'FROM')) &&
      tokens[at + 1]?.text.startsWith("'") === true,
  );
}

/** `SETTINGS disk = disk(type = web, …)`: of settings the tree has nothing, and the engine makes the disk before it judges them. */
function makesDisk(canonical: string): boolean {
  const tokens = [...topLevelTokens(canonical, Infinity)];
  return tokens.some(
    ({ word }, at) => word === 'DISK' && tokens[at - 1]?.text === '=' && tokens[at + 1]?.text === '(',
  );
}

function denied(what: string): ClickHouseException {
  return new ClickHouseException(
    497,
    'ACCESS_DENIED',
    `The local ClickHouse reads and writes nothing outside its database: ${what} is disabled`,
  );
}

/** Without the statement that asked. */
function plainly(error: unknown): never {
  const { exceptionCode, exceptionName, message } = ClickHouseException.from(error);
  throw new ClickHouseException(
    exceptionCode,
    exceptionName,
    message.replace(/: In scope SELECT formatQuery[\s\S]*/, ''),
  );
}
