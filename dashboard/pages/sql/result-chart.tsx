import { useMemo } from 'preact/hooks';
import type { SqlChart, SqlResult } from '../../api/sql.ts';
import { Chart } from '../shared/chart/chart.tsx';
import { EmptyState } from '../shared/states.tsx';
import { chartDataOf, isNumeric } from './result-chart-data.ts';

interface ResultChartProps {
  readonly result: SqlResult;
  /** Undefined if the result cannot be drawn. */
  readonly chart: SqlChart | undefined;
  readonly onChoose: (chart: SqlChart) => void;
}

/** Draws a result as lines or bars. The user chooses the columns. */
export function ResultChart({ result, chart, onChoose }: ResultChartProps) {
  const data = useMemo(() => chart && chartDataOf(result, chart), [result, chart]);
  if (chart === undefined || data === undefined)
    return (
      <EmptyState title="Nothing to draw">A chart needs two columns, one of them with numbers.</EmptyState>
    );
  const numeric = result.columns.filter(({ type }) => isNumeric(type));
  const toggle = (name: string) => {
    const y = chart.y.includes(name) ? chart.y.filter((one) => one !== name) : [...chart.y, name];
    if (y.length > 0) onChoose({ ...chart, y });
  };
  return (
    <>
      <div class="chart-choice">
        <label>
          Draw{' '}
          <select
            value={chart.kind}
            onChange={({ currentTarget }) =>
              onChoose({ ...chart, kind: currentTarget.value === 'bar' ? 'bar' : 'line' })
            }
          >
            <option value="line">lines</option>
            <option value="bar">bars</option>
          </select>
        </label>
        <label>
          x{' '}
          <select
            value={chart.x}
            onChange={({ currentTarget }) => onChoose({ ...chart, x: currentTarget.value })}
          >
            {result.columns.map(({ name }, at) => (
              <option key={at}>{name}</option>
            ))}
          </select>
        </label>
        <fieldset>
          <legend>y</legend>
          {numeric.map(({ name }, at) => (
            <label key={at} class="choice">
              <input type="checkbox" checked={chart.y.includes(name)} onChange={() => toggle(name)} />
              {name}
            </label>
          ))}
        </fieldset>
      </div>
      <Chart label={`${chart.y.join(', ')} by ${chart.x}`} data={data} height={320} />
    </>
  );
}
