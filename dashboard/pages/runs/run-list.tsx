import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Overview } from '../../api/overview.ts';
import type { RunList as RunListAnswer } from '../../api/runs.ts';
import { call } from '../shared/call.ts';
import { Chart } from '../shared/chart/chart.tsx';
import { numberText } from '../shared/format.ts';
import { onEvent } from '../shared/live.ts';
import { EmptyState, ErrorState, Prose, Skeleton } from '../shared/states.tsx';
import { useApi } from '../shared/use-api.ts';
import { hrefOf } from '../shell/route.ts';
import { chartOf, metricOf, metrics } from './run-chart.ts';
import { RunTable } from './run-table.tsx';
import { runsQuery } from './runs-query.ts';

const RUNS = 500;

interface RunListProps {
  /** The metric that the chart shows. */
  readonly metric: string;
  /** Whether the table shows only runs with problems. */
  readonly isOnlyProblems: boolean;
}

/** The runs of `produce`, newest first. */
export function RunList({ metric: id, isOnlyProblems }: RunListProps) {
  const { data, error, reload } = useApi<RunListAnswer>(`/api/runs?limit=${RUNS}`);
  const [older, setOlder] = useState<RunListAnswer>();
  useNewRuns(data?.runs, reload);
  const runs = useMemo(() => [...(data?.runs ?? []), ...(older?.runs ?? [])], [data, older]);
  const metric = metricOf(id);
  const chart = useMemo(() => chartOf(runs, metric), [runs, metric]);
  return (
    <div class="runs stack">
      <div class="page-head">
        <h1>Runs</h1>
        {runs.length > 0 && (
          <span class="quiet">
            {runs.length === 1 ? '1 run' : `the newest ${numberText(runs.length)} runs`}
          </span>
        )}
      </div>
      {error !== undefined && <ErrorState error={error} onRetry={reload} />}
      {data === undefined && error === undefined && <Skeleton lines={8} />}
      {data?.runs.length === 0 && (
        <EmptyState title="No runs yet" icon="runs">
          <Prose>Run `npm run produce`: each run then appears here.</Prose>
        </EmptyState>
      )}
      {runs.length > 0 && (
        <>
          <section class="card" aria-labelledby="over-time">
            <div class="card-head">
              <h2 id="over-time">{metric.name} per run</h2>
              <nav class="tabs" aria-label="What the chart shows">
                {metrics.map(({ id: show, name }) => (
                  <a
                    key={show}
                    href={hrefOf('runs', '', runsQuery(show, isOnlyProblems))}
                    aria-current={show === metric.id}
                  >
                    {name}
                  </a>
                ))}
              </nav>
            </div>
            <Chart
              label={`${metric.name} per run; the table below has the figures`}
              data={chart}
              height={200}
              onPick={(at) => {
                const run = runs[runs.length - 1 - at];
                if (run !== undefined) location.hash = hrefOf('runs', run.run);
              }}
            />
          </section>
          <RunTable runs={runs} metric={metric.id} isOnlyProblems={isOnlyProblems} />
          <OlderRuns next={older === undefined ? data?.next : older.next} onRuns={setOlder} loaded={older} />
        </>
      )}
    </div>
  );
}

/** Reloads the list when the overview reports a newer run. */
function useNewRuns(runs: RunListAnswer['runs'] | undefined, reload: () => void): void {
  const isLoaded = runs !== undefined;
  const newest = runs?.[0]?.run;
  useEffect(
    () =>
      onEvent('status', (event) => {
        const { lastRun } = event as Overview;
        if (isLoaded && lastRun && lastRun.run !== newest) reload();
      }),
    [isLoaded, newest, reload],
  );
}

interface OlderProps {
  readonly next: string | undefined;
  readonly loaded: RunListAnswer | undefined;
  readonly onRuns: (runs: RunListAnswer) => void;
}

function OlderRuns({ next, loaded, onRuns }: OlderProps) {
  const [state, setState] = useState<{ isLoading: boolean; error?: Error }>({ isLoading: false });
  if (next === undefined) return null;
  const load = async () => {
    setState({ isLoading: true });
    try {
      const page = await call<RunListAnswer>(`/api/runs?limit=${RUNS}&cursor=${encodeURIComponent(next)}`);
      onRuns({ ...page, runs: [...(loaded?.runs ?? []), ...page.runs] });
      setState({ isLoading: false });
    } catch (error) {
      setState({ isLoading: false, error: error as Error });
    }
  };
  return (
    <p class="more">
      <button type="button" class="button" disabled={state.isLoading} onClick={() => void load()}>
        {state.isLoading ? 'Loading…' : 'Load older runs'}
      </button>
      {state.error !== undefined && <span role="alert">{state.error.message}</span>}
    </p>
  );
}
