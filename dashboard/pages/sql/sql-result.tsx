import { useEffect, useState } from 'preact/hooks';
import type { SqlChart, SqlResult } from '../../api/sql.ts';
import { remedyOf } from '../shared/call.ts';
import { bytesText, durationText, several } from '../shared/format.ts';
import { EmptyState, Prose } from '../shared/states.tsx';
import { useNow } from '../shared/time.tsx';
import { errorPosition, lineAndColumn } from './error-position.ts';
import { ResultChart } from './result-chart.tsx';
import { fits, likelyChart } from './result-chart-data.ts';
import { ResultTable } from './result-table.tsx';
import type { QueryState } from './use-query.ts';

interface SqlResultCardProps {
  readonly state: QueryState;
  /** The chart of the query, if it is a ready-made question with a chart. */
  readonly suggested: SqlChart | undefined;
}

/** The result of the latest query. */
export function SqlResultCard({ state, suggested }: SqlResultCardProps) {
  const { result, error, sinceMs, sql, wasCancelled } = state;
  if (sinceMs !== undefined) return <Running sinceMs={sinceMs} />;
  if (wasCancelled)
    return <EmptyState title="The query was cancelled">The query has ended on the server too.</EmptyState>;
  if (error !== undefined) return <Failure error={error} sql={sql} />;
  if (result === undefined)
    return (
      <EmptyState title="No result yet" icon="sql">
        Write a query or choose a question, then press Run.
      </EmptyState>
    );
  return <Result key={sql} result={result} suggested={suggested} />;
}

function Running({ sinceMs }: { readonly sinceMs: number }) {
  const seconds = Math.max(0, Math.round((useNow() - sinceMs) / 1_000));
  return (
    <div class="state" role="status">
      <h2>Running</h2>
      <span class="number">{seconds} s</span>
    </div>
  );
}

function Failure({ error, sql }: { readonly error: Error; readonly sql: string }) {
  const at = errorPosition(error.message, sql);
  const place = at === undefined ? undefined : lineAndColumn(sql, at);
  const remedy = remedyOf(error);
  return (
    <div class="sql-failure" role="alert">
      <h2>The query failed{place !== undefined && ` at line ${place.line}, column ${place.column}`}</h2>
      <p>{error.message}</p>
      {remedy !== undefined && (
        <p class="quiet">
          <Prose>{remedy}</Prose>
        </p>
      )}
    </div>
  );
}

function Result({
  result,
  suggested,
}: {
  readonly result: SqlResult;
  readonly suggested: SqlChart | undefined;
}) {
  const [view, setView] = useState<'table' | 'chart'>('table');
  const [chart, setChart] = useState<SqlChart>();
  useEffect(() => {
    const isFit = suggested !== undefined && fits(result.columns, suggested);
    setChart(isFit ? suggested : likelyChart(result.columns));
  }, [result, suggested]);
  const { rows, isTruncated, elapsedMs, rowsRead, bytesRead } = result;
  return (
    <>
      <div class="result-head">
        <div class="tabs">
          {(['table', 'chart'] as const).map((name) => (
            <button key={name} type="button" aria-pressed={view === name} onClick={() => setView(name)}>
              {name === 'table' ? 'Table' : 'Chart'}
            </button>
          ))}
        </div>
        <p class="quiet number" role="status">
          {isTruncated
            ? `First ${several(rows.length, 'row')}; a download contains all rows`
            : several(rows.length, 'row')}
          {` · ${elapsedMs < 1_000 ? `${Math.round(elapsedMs)} ms` : durationText(elapsedMs / 1_000)}`}
          {rowsRead !== undefined && ` · read ${several(rowsRead, 'row')}`}
          {bytesRead !== undefined && ` (${bytesText(bytesRead)})`}
        </p>
      </div>
      {rows.length === 0 ? (
        <EmptyState title="No rows">The query returned no rows.</EmptyState>
      ) : view === 'table' ? (
        <ResultTable result={result} />
      ) : (
        <ResultChart result={result} chart={chart} onChoose={setChart} />
      )}
    </>
  );
}
