import type { SqlNames, SqlTable } from '../../../api/sql.ts';

export interface Suggestion {
  readonly label: string;
  readonly kind: 'column' | 'table' | 'function' | 'keyword';
  /**
   * The type of a column, the kind of a table or the syntax of a function; empty for a keyword.
   */
  readonly detail: string;
  readonly about: string;
}

/**
 * Returns the words that may follow in a query, the most likely first. After `name.`, these are the
 * columns of that table or alias, or undefined if it is unknown. Otherwise, these are the columns
 * of the tables that the query names, then tables, functions and keywords, or undefined if no word
 * has begun.
 */
export function suggestionsFor(
  names: SqlNames,
  sql: string,
  before: string,
): { readonly from: number; readonly list: readonly Suggestion[] } | undefined {
  const [, qualifier, word = ''] = /(?:([A-Za-z_]\w*)\.)?([A-Za-z_]\w*)?$/.exec(before) ?? [];
  const from = before.length - word.length;
  if (qualifier !== undefined) {
    const table = tableOf(names, sql, qualifier);
    return table && { from, list: table.columns.map((column) => columnOf(column, table.name)) };
  }
  if (word === '') return undefined;
  const words = new Set(sql.match(/\w+/g));
  const mentioned = names.tables.filter(({ name }) => words.has(name));
  const columns = mentioned.flatMap((table) => table.columns.map((column) => columnOf(column, table.name)));
  const list: Suggestion[] = [
    ...new Map(columns.map((column) => [column.label, column])).values(),
    ...names.tables.map(({ name, kind }): Suggestion => ({
      label: name,
      kind: 'table',
      detail: kind,
      about: '',
    })),
    ...names.functions.map(({ name, syntax, about }): Suggestion => ({
      label: name,
      kind: 'function',
      detail: syntax,
      about,
    })),
    ...names.keywords.map((label): Suggestion => ({ label, kind: 'keyword', detail: '', about: '' })),
  ];
  return { from, list };
}

function columnOf({ name, type, comment }: SqlTable['columns'][number], table: string): Suggestion {
  return {
    label: name,
    kind: 'column',
    detail: type,
    about: comment === '' ? table : `${table}: ${comment}`,
  };
}

/** Finds the table of `customers.` or, after `FROM customers AS c`, of `c.`. */
function tableOf({ tables }: SqlNames, sql: string, qualifier: string): SqlTable | undefined {
  const own = tables.find(({ name }) => name === qualifier);
  if (own !== undefined) return own;
  const aliased = [...sql.matchAll(/\b(?:FROM|JOIN|,)\s+`?(\w+)`?\s+(?:AS\s+)?`?(\w+)`?/gi)];
  const [, name] = aliased.find(([, , alias]) => alias === qualifier) ?? [];
  return tables.find((table) => table.name === name);
}
