import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Overview } from '../../api/overview.ts';
import type { RunLine, RunList as RunListAnswer } from '../../api/runs.ts';
import { call } from '../shared/call.ts';
import { Chart } from '../shared/chart/chart.tsx';
import { durationText, numberText } from '../shared/format.ts';
import { onEvent } from '../shared/live.ts';
import { Count } from '../shared/number.tsx';
import { EmptyState, ErrorState, Prose, Skeleton } from '../shared/states.tsx';
import { Table, type Column } from '../shared/table.tsx';
import { Ago } from '../shared/time.tsx';
import { useApi } from '../shared/use-api.ts';
import { hrefOf } from '../shell/route.ts';
import { Outcome } from './outcome.tsx';
import { chartOf, metricOf, metrics } from './run-chart.ts';

const RUNS = 500;
/** Rows of the table at first; the chart shows all runs. */
const FIRST_ROWS = 50;

/** The runs of `produce`, newest first. @param metric what the chart shows. */
export function RunList({ metric: id }: { readonly metric: string }) {
  const { data, error, reload } = useApi<RunListAnswer>(`/api/runs?limit=${RUNS}`);
  const [older, setOlder] = useState<RunListAnswer>();
  useNewRuns(data?.runs[0]?.run, reload);
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
        <EmptyState title="No run yet" icon="runs">
          <Prose>Run `npm run produce`: each run then appears here.</Prose>
        </EmptyState>
      )}
      {runs.length > 0 && (
        <>
          <section class="card" aria-labelledby="over-time">
            <div class="card-head">
              <h2 id="over-time">{metric.name} of each run</h2>
              <nav class="tabs" aria-label="What the chart shows">
                {metrics.map(({ id: show, name }) => (
                  <a key={show} href={hrefOf('runs', '', { show })} aria-current={show === metric.id}>
                    {name}
                  </a>
                ))}
              </nav>
            </div>
            <Chart
              label={`${metric.name} of each run; the table below has the figures`}
              data={chart}
              height={200}
            />
          </section>
          <RunTable runs={runs} />
          <OlderRuns next={older === undefined ? data?.next : older.next} onRuns={setOlder} loaded={older} />
        </>
      )}
    </div>
  );
}

/** Loads again when the overview names another newest run. */
function useNewRuns(newest: string | undefined, reload: () => void): void {
  useEffect(
    () =>
      onEvent('status', (event) => {
        const { lastRun } = event as Overview;
        if (lastRun && newest !== undefined && lastRun.run !== newest) reload();
      }),
    [newest, reload],
  );
}

const columns: readonly Column<RunLine>[] = [
  {
    head: 'Started',
    of: ({ run, startedAtMs, recordedAtMs }) => (
      <a href={hrefOf('runs', run)}>
        <Ago ms={startedAtMs ?? recordedAtMs} />
      </a>
    ),
    sortBy: ({ startedAtMs, recordedAtMs }) => startedAtMs ?? recordedAtMs,
  },
  { head: 'Outcome', of: (run) => <RunOutcome run={run} />, sortBy: ({ outcome }) => outcome },
  {
    head: 'Took',
    of: ({ seconds }) => durationText(seconds),
    align: 'end',
    sortBy: ({ seconds }) => seconds,
  },
  {
    head: 'Streams',
    of: ({ streams }) => <Count value={streams} />,
    align: 'end',
    sortBy: (run) => run.streams,
  },
  countColumn('New', 'new'),
  countColumn('Changed', 'changed'),
  countColumn('Deleted', 'deleted'),
  countColumn('Unchanged', 'unchanged'),
  countColumn('Requests', 'requests'),
  countColumn('Retries', 'retries'),
  countColumn('429', 'rateLimited'),
];

function countColumn(head: string, name: keyof RunLine['counts']): Column<RunLine> {
  return {
    head,
    of: ({ counts }) => <Count value={counts[name]} />,
    align: 'end',
    sortBy: ({ counts }) => counts[name],
  };
}

function RunOutcome({ run: { outcome, failed, counts } }: { readonly run: RunLine }) {
  return (
    <span class="outcome">
      <Outcome outcome={outcome} />
      {failed.length > 0 && (
        <span class="quiet" title={failed.join(', ')}>
          {failed.length === 1 ? failed[0] : `${failed.length} streams`}
        </span>
      )}
      {counts.deadLettered > 0 && <span class="quiet">{numberText(counts.deadLettered)} dead letters</span>}
    </span>
  );
}

function RunTable({ runs }: { readonly runs: readonly RunLine[] }) {
  const [isAll, setAll] = useState(false);
  const shown = isAll ? runs : runs.slice(0, FIRST_ROWS);
  return (
    <section class="card">
      <Table caption="Runs, newest first" columns={columns} rows={shown} keyOf={({ run }) => run} />
      {shown.length < runs.length && (
        <p class="more">
          <button type="button" class="button" onClick={() => setAll(true)}>
            Show all {numberText(runs.length)}
          </button>
        </p>
      )}
    </section>
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
