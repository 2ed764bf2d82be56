import { cut, textTable } from '../../../core/terminal/columns.ts';
import { mostSimilar } from '../../../core/settings/choice.ts';
import type { Question } from '../library.ts';
import type { TableDescription } from '../table-list.ts';

/** Returns the tables and views, each with its number of columns; a hint if there are none. */
export function tablesText(tables: readonly TableDescription[]): string {
  if (tables.length === 0) return 'no tables yet: run `npm run produce`, then `npm run sink`';
  return textTable<TableDescription>(
    [
      { head: 'name', of: ({ name }) => name },
      { head: 'kind', of: ({ kind }) => kind },
      { head: 'columns', of: ({ columns }) => columns.length },
    ],
    tables,
  );
}

/** Returns the columns of a table, with comments cut to the width; a hint for an unknown table. */
export function describeText(name: string, tables: readonly TableDescription[], width: number): string {
  const table = tables.find((known) => known.name === name);
  if (table === undefined) {
    const nearest = mostSimilar(
      name,
      tables.map((known) => known.name),
    );
    const guess = nearest === undefined ? '' : ` Did you mean ${nearest}?`;
    return `there is no table or view ${name}.${guess} \\d lists them.`;
  }
  const nameWidth = Math.max(...table.columns.map((column) => column.name.length));
  const typeWidth = Math.min(Math.max(12, Math.floor(width / 3)), 40);
  const lines = textTable(
    [
      { head: 'column', of: (column: TableDescription['columns'][number]) => column.name },
      { head: 'type', of: ({ type }) => cut(type, typeWidth) },
      {
        head: 'comment',
        of: ({ comment }) => cut(comment, Math.max(10, width - nameWidth - typeWidth - 4)),
      },
    ],
    table.columns,
  );
  return lines;
}

/**
 * Returns the list of questions.
 * @param unknown a name that no question has, or an empty string.
 */
export function questionsText(questions: readonly Question[], unknown: string): string {
  const list = textTable<Question>(
    [
      { head: 'name', of: ({ name }) => name },
      { head: 'question', of: ({ title }) => title },
    ],
    questions,
  );
  return unknown === '' ? list : `there is no question ${unknown}\n${list}`;
}
