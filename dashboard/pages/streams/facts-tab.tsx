import type { PartitionLine, StreamAnswer } from '../../api/streams.ts';
import { numberText } from '../shared/format.ts';
import { Count, DeadLetterCount } from '../shared/number.tsx';
import { ProblemList } from '../shared/problem-list.tsx';
import { SqlLink } from '../shared/sql-link.tsx';
import { EmptyState, ErrorState, Prose, Skeleton } from '../shared/states.tsx';
import { Table, type Column } from '../shared/table.tsx';
import { Ago, ShortTime } from '../shared/time.tsx';
import { useApi } from '../shared/use-api.ts';
import { hrefOf } from '../shell/route.ts';
import { Outcome } from '../runs/outcome.tsx';

const REFRESH_MS = 5_000;

/** The status of a stream, as in `npm run status`, with its checkpoint and its partitions. */
export function FactsTab({ stream }: { readonly stream: string }) {
  const path = `/api/streams/${encodeURIComponent(stream)}`;
  const { data, error, reload } = useApi<StreamAnswer>(path, { refreshMs: REFRESH_MS });
  return (
    <>
      {error !== undefined && <ErrorState error={error} onRetry={reload} />}
      {data === undefined ? error === undefined && <Skeleton lines={6} /> : <Facts answer={data} />}
    </>
  );
}

function Facts({ answer }: { readonly answer: StreamAnswer }) {
  const { stream, subject, view, attention } = answer;
  const { topic, table, lag, lastRun, checkpoint, deadLetters } = stream;
  return (
    <>
      {attention.length > 0 && (
        <section class="card" aria-label="Needs attention">
          <ProblemList problems={attention} stream={stream.stream} />
        </section>
      )}
      <dl class="facts card">
        <div>
          <dt>Lag</dt>
          <dd>
            <Count value={lag} />
          </dd>
        </div>
        <div>
          <dt>Stored rows</dt>
          <dd>
            <Count value={table && table.rows} />
          </dd>
        </div>
        <div>
          <dt>Dead letters</dt>
          <dd>
            <DeadLetterCount stream={stream.stream} count={deadLetters} />
          </dd>
        </div>
        <div>
          <dt>Last run</dt>
          <dd>
            {lastRun ? (
              <a href={hrefOf('runs', lastRun.run)}>
                <Outcome outcome={lastRun.outcome} /> <Ago ms={lastRun.finishedAtMs} />
              </a>
            ) : (
              <Count value={lastRun} />
            )}
          </dd>
        </div>
        <div class="wide">
          <dt>Checkpoint</dt>
          <dd>
            {checkpoint ? (
              <>
                {checkpoint.isComplete ? 'complete' : 'interrupted'}, pages: {numberText(checkpoint.pages)},
                records: {numberText(checkpoint.records)}, started <ShortTime ms={checkpoint.startedAtMs} />
              </>
            ) : (
              <Count value={checkpoint} />
            )}
          </dd>
        </div>
        <div class="wide">
          <dt>Topic</dt>
          <dd class="mono">{topic ? topic.name : <Count value={topic} />}</dd>
        </div>
        <div class="wide">
          <dt>Subject</dt>
          <dd class="mono">{subject}</dd>
        </div>
        <div class="wide">
          <dt>View, table</dt>
          <dd>
            <span class="mono">
              {view}
              {table && `, ${table.name}`}
            </span>{' '}
            {table && <SqlLink sql={`SELECT * FROM ${quotedName(view)} LIMIT 100`} about={view} />}
          </dd>
        </div>
      </dl>
      {topic === null && (
        <EmptyState title="The stream has no topic">
          <Prose>Run `npm run produce`.</Prose>
        </EmptyState>
      )}
      {topic && (
        <section class="card" aria-labelledby="partitions">
          <div class="card-head">
            <h3 id="partitions">Partitions</h3>
          </div>
          <Table
            caption="Partitions"
            columns={partitionColumns(stream.stream)}
            rows={topic.partitions}
            keyOf={({ partition }) => partition}
          />
        </section>
      )}
    </>
  );
}

/** Returns a name, in quotes if SQL requires them. */
function quotedName(name: string): string {
  return /^\w+$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

function partitionColumns(stream: string): readonly Column<PartitionLine>[] {
  return [
    {
      head: 'Partition',
      of: ({ partition }) => (
        <a href={hrefOf('streams', stream, { tab: 'messages', partition: String(partition) })}>{partition}</a>
      ),
      sortBy: ({ partition }) => partition,
    },
    { head: 'Start', of: ({ start }) => <Count value={start} />, align: 'end', sortBy: ({ start }) => start },
    { head: 'End', of: ({ end }) => <Count value={end} />, align: 'end', sortBy: ({ end }) => end },
    {
      head: 'Committed',
      of: ({ committed = null }) => <Count value={committed} />,
      align: 'end',
      sortBy: ({ committed = -1 }) => committed,
    },
    { head: 'Lag', of: ({ lag }) => <Count value={lag} />, align: 'end', sortBy: ({ lag = -1 }) => lag },
  ];
}
