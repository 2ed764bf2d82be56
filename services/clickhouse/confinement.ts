import { createReadStream } from 'node:fs';
import { literal } from '../../core/clickhouse/client.ts';
import {
  whyNotReadOnly,
  externalAccessOf,
  parseStatementTree,
} from '../../core/clickhouse/statement-tree.ts';
import type { Engine } from './engine.ts';
import { ClickHouseException } from './exception.ts';
import { topLevelTokens } from './lexer.ts';

// The engine is a library for local use: by default it can read and write every file and reach
// every host. Grants and constraints (engine-config.ts) prevent most of that. This module checks
// the rest with the engine's own parse of the statement.

/**
 * Statements that passed the check, keyed by everything that the check depends on. The oldest are
 * removed first.
 */
const confined = new Set<string>();
const MAX_CONFINED = 1_000;
/** A longer statement is rarely repeated, and would only occupy memory. */
const MAX_REMEMBERED_LENGTH = 4_000;

/**
 * Checks that a statement stays in the database. A statement that passed once passes again without
 * another check, because the result depends only on `preparation`, `sql` and `isReadOnly`.
 * @param preparation the session settings that affect parsing.
 * @throws ClickHouseException unless the text is exactly one statement that stays in the database
 * and, if `isReadOnly`, only reads; ServiceRefusedError if its syntax tree is incomplete.
 */
export async function confine(
  engine: Engine,
  preparation: readonly string[],
  sql: string,
  isReadOnly: boolean,
): Promise<void> {
  const decisive = JSON.stringify([preparation, sql, isReadOnly]);
  if (confined.has(decisive)) return;
  await check(engine, preparation, sql, isReadOnly);
  if (decisive.length > MAX_REMEMBERED_LENGTH) return;
  const [oldest] = confined;
  if (confined.size >= MAX_CONFINED && oldest !== undefined) confined.delete(oldest);
  confined.add(decisive);
}

async function check(
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
  // One statement, normalized and without comments. It is not always valid SQL, because the engine
  // does not quote a column named `and`.
  const canonical = await ask(`SELECT formatQuerySingleLine(${literal(sql)})`).catch(plainly);
  if (namesFile(canonical)) throw denied('INTO OUTFILE or FROM INFILE');
  if (createsDisk(canonical)) throw denied('a custom disk');
  const nodes = parseStatementTree(await ask(`EXPLAIN AST ${sql}`));
  // EXPLAIN AST only parses the statement that it explains.
  const outside =
    nodes[0]?.label.startsWith('Explain EXPLAIN AST') === true
      ? undefined
      : externalAccessOf(nodes, canonical);
  if (outside !== undefined) throw denied(outside);
  const reason = isReadOnly ? whyNotReadOnly(nodes, canonical) : undefined;
  if (reason === undefined) return;
  const message = `A GET request is read-only, so ${reason}; POST accepts any statement.`;
  throw new ClickHouseException(164, 'READONLY', message);
}

/** Returns whether the head of an INSERT is so simple that {@link confine} need not check it. */
export function isPlainInsert(head: string): boolean {
  return (
    /^\s*INSERT\s+INTO\s+(?!(TABLE\s+)?FUNCTION\b)[\w\s.,()`="{}:'*-]*$/i.test(head) && !head.includes('--')
  );
}

/**
 * Returns settings with which the engine reads data as literals only, because the check of the
 * statement does not see expressions in VALUES. Returns an empty string if no expression in the
 * data could read a file.
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

/**
 * Returns whether the statement contains `SETTINGS disk = disk(type = web, …)`. The syntax tree
 * omits settings, and the engine creates the disk before it checks them.
 */
function createsDisk(canonical: string): boolean {
  const tokens = [...topLevelTokens(canonical, Infinity)];
  return tokens.some(
    ({ word }, at) => word === 'DISK' && tokens[at - 1]?.text === '=' && tokens[at + 1]?.text === '(',
  );
}

function denied(what: string): ClickHouseException {
  const message = `The local ClickHouse reads and writes nothing outside its database: ${what} is disabled`;
  return new ClickHouseException(497, 'ACCESS_DENIED', message);
}

/** Rethrows the error without the query that this module ran. */
function plainly(error: unknown): never {
  const { exceptionCode, exceptionName, message } = ClickHouseException.from(error);
  const ownWords = message.replace(/: In scope SELECT formatQuery[\s\S]*/, '');
  throw new ClickHouseException(exceptionCode, exceptionName, ownWords);
}
