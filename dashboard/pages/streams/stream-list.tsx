import type { StreamLine } from '../../api/overview.ts';
import { useOverview } from '../shared/live-overview.ts';
import { Count, DeadLetterCount } from '../shared/number.tsx';
import { EmptyState, Prose, Skeleton } from '../shared/states.tsx';
import { Table, type Column } from '../shared/table.tsx';
import { Ago } from '../shared/time.tsx';
import { hrefOf } from '../shell/route.ts';

/** All streams with a topic or a table, live. */
export function StreamList() {
  const { overview } = useOverview();
  return (
    <div class="streams stack">
      <div class="page-head">
        <h1>Streams</h1>
      </div>
      {overview === undefined && <Skeleton lines={8} />}
      {overview?.streams.length === 0 && (
        <EmptyState title="No streams yet" icon="streams">
          <Prose>Run `npm run produce`: each stream that the account has then appears here.</Prose>
        </EmptyState>
      )}
      {overview !== undefined && overview.streams.length > 0 && (
        <section class="card">
          <Table
            caption="Streams"
            columns={columns}
            rows={overview.streams}
            keyOf={({ stream }) => stream}
            rowClass={({ hasProblem }) => (hasProblem ? 'has-problem' : undefined)}
          />
        </section>
      )}
    </div>
  );
}

const columns: readonly Column<StreamLine>[] = [
  {
    head: 'Stream',
    of: ({ stream }) => <a href={hrefOf('streams', stream)}>{stream}</a>,
    sortBy: ({ stream }) => stream,
  },
  countColumn('Messages', 'messages'),
  countColumn('Lag', 'lag'),
  countColumn('Rows', 'rows'),
  {
    head: 'Dead letters',
    of: ({ stream, deadLetters }) => <DeadLetterCount stream={stream} count={deadLetters} />,
    align: 'end',
    sortBy: ({ deadLetters }) => deadLetters ?? -1,
  },
  {
    head: 'Last run',
    of: ({ lastRun }) =>
      lastRun ? (
        <a href={hrefOf('runs', lastRun.run)}>
          <Ago ms={lastRun.finishedAtMs} />
        </a>
      ) : (
        <Count value={lastRun} />
      ),
    align: 'end',
    sortBy: ({ lastRun }) => lastRun?.finishedAtMs ?? 0,
  },
];

function countColumn(head: string, name: 'messages' | 'lag' | 'rows'): Column<StreamLine> {
  return {
    head,
    of: (line) => <Count value={line[name]} />,
    align: 'end',
    sortBy: (line) => line[name] ?? -1,
  };
}
