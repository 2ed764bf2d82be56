import type { TableDescription } from '../table-list.ts';
import type { Vocabulary } from '../vocabulary.ts';
import { promptCommands } from './commands.ts';

export interface Words {
  readonly tables: readonly TableDescription[];
  readonly vocabulary: Vocabulary;
}

/** The maximum number of suggestions: more would fill the screen. */
const MAX_HITS = 60;

const beforeTable = /(?:\b(?:from|join|describe|desc|table)|^\s*\\d)\s+[\w.`]*$/i;

/**
 * Returns the words that may follow, and the part of the line that they replace.
 * @param before the earlier lines of the statement.
 */
export function complete(line: string, before: string, { tables, vocabulary }: Words): [string[], string] {
  const [command] = /^\\\w*$/.exec(line) ?? [];
  if (command !== undefined)
    return [promptCommands.map(({ name }) => name).filter((name) => name.startsWith(command)), command];
  const [word = ''] = /[\w.]*$/.exec(line) ?? [];
  const hits = (names: readonly string[]): [string[], string] => [
    [...new Set(names)].filter((name) => startsWith(name, word)).slice(0, MAX_HITS),
    word,
  ];
  if (beforeTable.test(line)) return hits(tables.map(({ name }) => name));
  const [, owner] = /^(\w+)\.\w*$/.exec(word) ?? [];
  const statement = `${before}\n${line}`;
  if (owner !== undefined) {
    const table = tableOf(owner, statement, tables);
    return hits((table?.columns ?? []).map(({ name }) => `${owner}.${name}`));
  }
  const named = new Set(statement.match(/\w+/g));
  const used = tables.filter(({ name }) => named.has(name));
  const columns = used.flatMap((table) => table.columns.map(({ name }) => name));
  if (word === '') return hits(columns);
  const isLower = word === word.toLowerCase();
  const keywords = vocabulary.keywords.map((keyword) => (isLower ? keyword.toLowerCase() : keyword));
  const functions = vocabulary.functions.map(({ name }) => `${name}(`);
  return hits([...columns, ...tables.map(({ name }) => name), ...keywords, ...functions]);
}

/** Returns the table with this name or alias, as in `customers AS c` and `customers c`. */
function tableOf(
  owner: string,
  statement: string,
  tables: readonly TableDescription[],
): TableDescription | undefined {
  const aliases = statement.matchAll(new RegExp(`\\b(\\w+)\\s+(?:as\\s+)?${owner}\\b`, 'gi'));
  const names = [owner, ...Array.from(aliases, ([, name = '']) => name)];
  return names
    .map((name) => tables.find((table) => table.name === name))
    .find((table) => table !== undefined);
}

function startsWith(name: string, word: string): boolean {
  return name.toLowerCase().startsWith(word.toLowerCase());
}
