import type { ComponentChildren } from 'preact';
import type { RunAnswer, RunStream } from '../../api/runs.ts';
import { bytesText, durationText, numberText } from '../shared/format.ts';
import { Count, DeadLetterCount } from '../shared/number.tsx';
import { ProblemList } from '../shared/problem-list.tsx';
import { ErrorState, Skeleton } from '../shared/states.tsx';
import { Table, type Column } from '../shared/table.tsx';
import { ShortTime } from '../shared/time.tsx';
import { useApi } from '../shared/use-api.ts';
import { hrefOf } from '../shell/route.ts';
import { Outcome } from './outcome.tsx';

/** One run in detail: its failures, then all its streams. */
export function RunDetail({ run }: { readonly run: string }) {
  const { data, error, reload } = useApi<RunAnswer>(`/api/runs/${encodeURIComponent(run)}`);
  return (
    <div class="runs stack">
      <div class="page-head">
        <h1>Run</h1>
        <span class="quiet mono">{run}</span>
        <a href={hrefOf('runs')}>All runs</a>
      </div>
      {error !== undefined && <ErrorState error={error} onRetry={reload} />}
      {data === undefined ? error === undefined && <Skeleton lines={8} /> : <Detail answer={data} />}
    </div>
  );
}

function Detail({ answer }: { readonly answer: RunAnswer }) {
  const { counts, streamRuns, problems } = answer;
  // Streams with problems come first.
  const isWrong = ({ outcome, counts: own }: RunStream) =>
    outcome === 'failed' || outcome === 'stopped' || own.deadLettered > 0;
  const rows = [...streamRuns.filter(isWrong), ...streamRuns.filter((each) => !isWrong(each))];
  const learnt = streamRuns.filter(({ newFields }) => newFields.length > 0);
  return (
    <>
      <dl class="facts card">
        <Fact name="Outcome">
          <Outcome outcome={answer.outcome} />
        </Fact>
        <Fact name="Started">
          {answer.startedAtMs === null ? '–' : <ShortTime ms={answer.startedAtMs} />}
        </Fact>
        <Fact name="Took">{durationText(answer.seconds)}</Fact>
        <Fact name="New">{numberText(counts.new)}</Fact>
        <Fact name="Changed">{numberText(counts.changed)}</Fact>
        <Fact name="Deleted">{numberText(counts.deleted)}</Fact>
        <Fact name="Unchanged">{numberText(counts.unchanged)}</Fact>
        <Fact name="Requests">{numberText(counts.requests)}</Fact>
        <Fact name="Retries">{numberText(counts.retries)}</Fact>
        <Fact name="429 or 503 responses">{numberText(counts.rateLimited)}</Fact>
        <Fact name="Sent">{bytesText(counts.bytes)}</Fact>
        <Fact name="Dead letters">
          {counts.deadLettered === 0 ? (
            '0'
          ) : (
            <a href={hrefOf('dead-letters')}>{numberText(counts.deadLettered)}</a>
          )}
        </Fact>
      </dl>
      {problems.length > 0 && (
        <section class="card" aria-labelledby="failures">
          <div class="card-head">
            <h2 id="failures">Failures</h2>
          </div>
          <ProblemList problems={problems} />
        </section>
      )}
      <section class="card" aria-labelledby="streams">
        <div class="card-head">
          <h2 id="streams">Streams</h2>
        </div>
        <Table
          caption="Streams of the run"
          columns={columns}
          rows={rows}
          keyOf={({ stream }) => stream}
          rowClass={({ outcome }) => (outcome === 'failed' ? 'has-problem' : undefined)}
        />
      </section>
      {learnt.length > 0 && (
        <section class="card" aria-labelledby="fields">
          <div class="card-head">
            <h2 id="fields">New fields</h2>
          </div>
          <dl class="learnt">
            {learnt.map(({ stream, newFields }) => (
              <div key={stream}>
                <dt>
                  <a href={hrefOf('streams', stream, { tab: 'schema' })}>{stream}</a>
                </dt>
                {newFields.map((field) => (
                  <dd key={field} class="mono">
                    + {field}
                  </dd>
                ))}
              </div>
            ))}
          </dl>
        </section>
      )}
    </>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd class="number">{children}</dd>
    </div>
  );
}

const columns: readonly Column<RunStream>[] = [
  {
    head: 'Stream',
    of: ({ stream }) => <a href={hrefOf('streams', stream)}>{stream}</a>,
    sortBy: ({ stream }) => stream,
  },
  {
    head: 'Outcome',
    of: ({ outcome, isResumed, absence }) => (
      <span class="outcome" title={absence ?? undefined}>
        <Outcome outcome={outcome} />
        {isResumed && <span class="quiet">resumed</span>}
      </span>
    ),
    sortBy: ({ outcome }) => outcome,
  },
  {
    head: 'Took',
    of: ({ seconds, startedAtMs }) => (startedAtMs === null ? '–' : durationText(seconds)),
    align: 'end',
    sortBy: ({ seconds }) => seconds,
  },
  countColumn('New', 'new'),
  countColumn('Changed', 'changed'),
  countColumn('Deleted', 'deleted'),
  countColumn('Unchanged', 'unchanged'),
  countColumn('Requests', 'requests'),
  countColumn('Retries', 'retries'),
  countColumn('429', 'rateLimited'),
  {
    head: 'Dead letters',
    of: ({ stream, counts }) => <DeadLetterCount stream={stream} count={counts.deadLettered} />,
    align: 'end',
    sortBy: ({ counts }) => counts.deadLettered,
  },
];

function countColumn(head: string, name: keyof RunStream['counts']): Column<RunStream> {
  return {
    head,
    of: ({ counts }) => <Count value={counts[name]} />,
    align: 'end',
    sortBy: ({ counts }) => counts[name],
  };
}
