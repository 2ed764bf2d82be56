import { useState } from 'preact/hooks';
import type { SqlResult } from '../../api/sql.ts';
import { numberText } from '../shared/format.ts';
import { Icon } from '../shared/icon.tsx';
import { isNumeric } from './result-chart-data.ts';

/** Further rows are shown on request: a table with many cells is slow. */
const FIRST_ROWS = 200;

interface Place {
  readonly row: number;
  readonly column: number;
}

const steps: Readonly<Record<string, readonly [rows: number, columns: number]>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/** The rows of a result. Arrow keys move between cells; the chosen cell is shown in full. */
export function ResultTable({ result: { columns, rows } }: { readonly result: SqlResult }) {
  const [shownCount, setShownCount] = useState(FIRST_ROWS);
  const [place, setPlace] = useState<Place>({ row: 0, column: 0 });
  const shown = rows.slice(0, shownCount);
  const onKeyDown = (event: KeyboardEvent & { readonly currentTarget: HTMLTableElement }) => {
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const row = clamp(place.row + step[0], shown.length);
    const column = clamp(place.column + step[1], columns.length);
    setPlace({ row, column });
    const cell = event.currentTarget.tBodies[0]?.rows[row]?.cells[column + 1];
    cell?.focus();
  };
  return (
    <>
      <div class="result-frame">
        <table role="grid" aria-label="Rows" aria-rowcount={rows.length} onKeyDown={onKeyDown}>
          <thead>
            <tr>
              <th scope="col">
                <span class="hidden-text">Row</span>
              </th>
              {columns.map(({ name, type }, at) => (
                <th key={at} scope="col" class={isNumeric(type) ? 'end' : undefined}>
                  {name}
                  <span class="type">{type}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row, rowAt) => (
              <tr key={rowAt}>
                <th scope="row" class="quiet">
                  {rowAt + 1}
                </th>
                {row.map((value, at) => {
                  const isChosen = place.row === rowAt && place.column === at;
                  const kind = isNumeric(columns[at]?.type ?? '') ? 'end' : '';
                  return (
                    <td
                      key={at}
                      role="gridcell"
                      class={`${kind} ${value === null ? 'quiet' : ''}`}
                      tabIndex={isChosen ? 0 : -1}
                      onFocus={() => setPlace({ row: rowAt, column: at })}
                    >
                      {value ?? 'NULL'}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > shownCount && (
        <button type="button" class="button more" onClick={() => setShownCount(rows.length)}>
          Show all {numberText(rows.length)} rows
        </button>
      )}
      <Cell value={rows[place.row]?.[place.column] ?? null} name={columns[place.column]?.name ?? ''} />
    </>
  );
}

/** The chosen cell in full, with a button that copies it. */
function Cell({ name, value }: { readonly name: string; readonly value: string | null }) {
  const [copied, setCopied] = useState<string | null>();
  const [hasFailed, setFailed] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value ?? '');
      setCopied(value);
    } catch {
      // Browsers allow access to the clipboard only over HTTPS or on localhost.
      setFailed(true);
    }
  };
  return (
    <div class="cell">
      <span class="quiet">{name}</span>
      <code tabIndex={0} aria-label={`Selected cell of ${name}`}>
        {value ?? 'NULL'}
      </code>
      <button type="button" class="button" disabled={value === null} onClick={() => void copy()}>
        <Icon name="copy" size={14} />{' '}
        {hasFailed ? 'Select and copy the text' : copied === value ? 'Copied' : 'Copy'}
      </button>
    </div>
  );
}

function clamp(value: number, count: number): number {
  return Math.max(0, Math.min(count - 1, value));
}
