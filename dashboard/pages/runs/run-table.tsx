import { useState } from 'preact/hooks';
import type { RunLine } from '../../api/runs.ts';
import { durationText, numberText, several } from '../shared/format.ts';
import { Count } from '../shared/number.tsx';
import { Table, type Column } from '../shared/table.tsx';
import { Ago, ShortTime } from '../shared/time.tsx';
import { hrefOf } from '../shell/route.ts';
import { Outcome } from './outcome.tsx';
import { runsQuery } from './runs-query.ts';

/** The number of rows that are shown at first. */
const FIRST_ROWS = 50;

interface RunTableProps {
  readonly runs: readonly RunLine[];
  readonly metric: string;
  readonly isOnlyProblems: boolean;
}

/**
 * Lists the runs. With `isOnlyProblems`, lists only runs that failed, were stopped or rejected
 * records.
 */
export function RunTable({ runs, metric, isOnlyProblems }: RunTableProps) {
  const [isAll, setAll] = useState(false);
  const withProblems = runs.filter(hasProblem);
  const found = isOnlyProblems ? withProblems : runs;
  const shown = isAll ? found : found.slice(0, FIRST_ROWS);
  return (
    <section class="card" aria-labelledby="all-runs">
      <div class="card-head">
        <h2 id="all-runs">{isOnlyProblems ? 'Runs with problems' : 'All runs'}</h2>
        <nav class="tabs" aria-label="Which runs the table shows">
          <a href={hrefOf('runs', '', runsQuery(metric, false))} aria-current={!isOnlyProblems}>
            All {numberText(runs.length)}
          </a>
          <a href={hrefOf('runs', '', runsQuery(metric, true))} aria-current={isOnlyProblems}>
            With problems {numberText(withProblems.length)}
          </a>
        </nav>
      </div>
      {found.length === 0 ? (
        <p class="none quiet">None of these runs failed, was stopped or rejected a record.</p>
      ) : (
        <Table
          caption="Runs"
          columns={columns}
          rows={shown}
          keyOf={({ run }) => run}
          rowClass={(run) => (run.outcome === 'failed' ? 'has-problem' : undefined)}
        />
      )}
      {shown.length < found.length && (
        <p class="more">
          <button type="button" class="button" onClick={() => setAll(true)}>
            Show all {numberText(found.length)}
          </button>
        </p>
      )}
    </section>
  );
}

function hasProblem({ outcome, counts }: RunLine): boolean {
  return outcome === 'failed' || outcome === 'stopped' || counts.deadLettered > 0;
}

const columns: readonly Column<RunLine>[] = [
  {
    head: 'Started',
    of: ({ run, startedAtMs, recordedAtMs }) => (
      <span class="started">
        <a href={hrefOf('runs', run)}>
          <ShortTime ms={startedAtMs ?? recordedAtMs} />
        </a>
        <span class="quiet">
          <Ago ms={startedAtMs ?? recordedAtMs} />
        </span>
      </span>
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
      {counts.deadLettered > 0 && <span class="quiet">{several(counts.deadLettered, 'dead letter')}</span>}
    </span>
  );
}
