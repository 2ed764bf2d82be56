import type { Overview, StreamLine } from '../../api/overview.ts';
import type { Rates } from '../../api/rates.ts';
import { Badge, type Tone } from '../shared/badge.tsx';
import { rateText } from '../shared/format.ts';
import type { LiveOverview } from '../shared/live-overview.ts';
import { Count, DeadLetterCount } from '../shared/number.tsx';
import { Sparkline } from '../shared/sparkline.tsx';
import { Table, type Column } from '../shared/table.tsx';
import { Ago } from '../shared/time.tsx';
import { hrefOf } from '../shell/route.ts';
import { lagOf } from './stream-lag.ts';

const tones: Readonly<Record<string, Tone>> = {
  done: 'good',
  failed: 'bad',
  stopped: 'warn',
  absent: 'plain',
};

interface StreamTableProps {
  readonly live: LiveOverview & { readonly overview: Overview };
}

/** One line per stream; streams with problems come first. */
export function StreamTable({ live }: StreamTableProps) {
  const { streams } = live.overview;
  const rows = [
    ...streams.filter(({ hasProblem }) => hasProblem),
    ...streams.filter((row) => !row.hasProblem),
  ];
  return (
    <section class="card" aria-labelledby="streams-title">
      <header class="card-head">
        <h2 id="streams-title">Streams</h2>
        <p class="legend">
          <span class="produced">produced</span> <span class="sunk">inserted</span>
          <span class="quiet">in the last 10 minutes</span>
        </p>
      </header>
      <Table
        caption="Streams"
        columns={columnsOf(live)}
        rows={rows}
        keyOf={({ stream }) => stream}
        rowClass={({ hasProblem }) => (hasProblem ? 'has-problem' : undefined)}
      />
    </section>
  );
}

function columnsOf({ rates, series, bucketMs }: LiveOverview): readonly Column<StreamLine>[] {
  const run = (row: StreamLine, name: 'new' | 'changed' | 'deleted') =>
    row.lastRun ? row.lastRun[name] : row.lastRun;
  const count = (head: string, of: (row: StreamLine) => number | null | undefined): Column<StreamLine> => ({
    head,
    align: 'end',
    of: (row) => <Count value={of(row)} />,
    sortBy: (row) => of(row) ?? -1,
  });
  return [
    {
      head: 'Stream',
      of: ({ stream }) => <a href={hrefOf('streams', stream)}>{stream}</a>,
      sortBy: ({ stream }) => stream,
    },
    {
      head: 'Freshness',
      of: ({ lastRun }) => (lastRun ? <Ago ms={lastRun.finishedAtMs} /> : <Count value={lastRun} />),
      sortBy: ({ lastRun }) => -(lastRun?.finishedAtMs ?? 0),
    },
    {
      head: 'Last run',
      of: ({ lastRun }) =>
        lastRun ? (
          <Badge tone={tones[lastRun.outcome] ?? 'plain'}>{lastRun.outcome}</Badge>
        ) : (
          <Count value={lastRun} />
        ),
      sortBy: ({ lastRun }) => lastRun?.outcome ?? '',
    },
    count('New', (row) => run(row, 'new')),
    count('Changed', (row) => run(row, 'changed')),
    count('Deleted', (row) => run(row, 'deleted')),
    count('Lag', (row) => lagOf(row, rates)),
    count('Rows', ({ rows }) => rows),
    {
      head: 'Dead letters',
      align: 'end',
      of: ({ stream, deadLetters }) => <DeadLetterCount stream={stream} count={deadLetters} />,
      sortBy: ({ deadLetters }) => deadLetters ?? -1,
    },
    {
      head: 'Activity',
      align: 'end',
      of: ({ stream }) => (
        <span class="activity">
          <Rate stream={stream} rates={rates} />
          <Sparkline series={series.get(stream)} bucketMs={bucketMs} />
        </span>
      ),
    },
  ];
}

function Rate({ stream, rates }: { readonly stream: string; readonly rates: Rates | undefined }) {
  const rate = rates?.streams[stream];
  const most = Math.max(rate?.produced ?? 0, rate?.sunk ?? 0);
  return most === 0 ? null : <span class="quiet">{rateText(most)}/s</span>;
}
