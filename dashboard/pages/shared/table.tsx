import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

export interface Column<Row> {
  readonly head: string;
  readonly of: (row: Row) => ComponentChildren;
  /** Numbers and times are aligned to the end. */
  readonly align?: 'end';
  /** The value to sort by when the column's header is clicked. */
  readonly sortBy?: (row: Row) => number | string;
}

interface TableProps<Row> {
  /** Names the table for assistive technology. */
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row, index: number) => string | number;
  /** `cards` turns each row into a card on a narrow screen; `scroll` scrolls sideways. */
  readonly narrow?: 'cards' | 'scroll';
  readonly rowClass?: (row: Row) => string | undefined;
}

interface Sorting {
  readonly head: string;
  readonly isDescending: boolean;
}

/** A table that can be sorted by clicking a column header. The first column names the row. */
export function Table<Row>(props: TableProps<Row>) {
  const { caption, columns, rows, keyOf, narrow = 'cards', rowClass } = props;
  const [sorting, setSorting] = useState<Sorting>();
  const sorted = sortedRows(rows, columns, sorting);
  const onSort = (head: string) =>
    setSorting((last) => ({ head, isDescending: last?.head === head && !last.isDescending }));
  return (
    <div class={`table-frame ${narrow}`} role="region" aria-label={caption} tabIndex={0}>
      <table>
        <caption class="hidden-text">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <Head key={column.head} column={column} sorting={sorting} onSort={onSort} />
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted.map((row, index) => (
            <tr key={keyOf(row, index)} class={rowClass?.(row)}>
              {columns.map(({ head, of, align }, at) =>
                at === 0 ? (
                  <th key={head} scope="row">
                    {of(row)}
                  </th>
                ) : (
                  <td key={head} class={align} data-label={head}>
                    {of(row)}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface HeadProps<Row> {
  readonly column: Column<Row>;
  readonly sorting: Sorting | undefined;
  readonly onSort: (head: string) => void;
}

function Head<Row>({ column: { head, align, sortBy }, sorting, onSort }: HeadProps<Row>) {
  const isSorted = sorting?.head === head;
  const direction = sorting?.isDescending === true ? 'descending' : 'ascending';
  return (
    <th scope="col" class={align} aria-sort={isSorted ? direction : undefined}>
      {sortBy === undefined ? (
        head
      ) : (
        <button type="button" onClick={() => onSort(head)}>
          {head}
          <span class="sort-mark" aria-hidden="true">
            {isSorted ? (sorting.isDescending ? '↓' : '↑') : ''}
          </span>
        </button>
      )}
    </th>
  );
}

function sortedRows<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  sorting: Sorting | undefined,
): readonly Row[] {
  const sortBy = columns.find(({ head }) => head === sorting?.head)?.sortBy;
  if (sorting === undefined || sortBy === undefined) return rows;
  const sorted = rows.toSorted((a, b) => {
    const [first, second] = [sortBy(a), sortBy(b)];
    return typeof first === 'number' && typeof second === 'number'
      ? first - second
      : String(first).localeCompare(String(second));
  });
  return sorting.isDescending ? sorted.reverse() : sorted;
}
