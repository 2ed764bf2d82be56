import { useEffect, useState } from 'preact/hooks';
import type { DeadLetterLine, DeadLetterList, DeadLetterState, SettleJob } from '../../api/dead-letters.ts';
import { Badge } from '../shared/badge.tsx';
import { numberText, several } from '../shared/format.ts';
import { EmptyState, ErrorState, Skeleton } from '../shared/states.tsx';
import { Table, type Column } from '../shared/table.tsx';
import { Ago } from '../shared/time.tsx';
import { useApi } from '../shared/use-api.ts';
import type { UsedJob } from '../shared/use-job.ts';
import { hrefOf, type Route } from '../shell/route.ts';
import { amountOf, SettleDialog, SettlePanel, shortId, type Action } from './settle.tsx';

const states: readonly (readonly [DeadLetterState, string])[] = [
  ['waiting', 'Pending'],
  ['redriven', 'Redriven'],
  ['discarded', 'Discarded'],
];

interface Filter {
  readonly state: DeadLetterState;
  readonly stream: string;
  readonly text: string;
  readonly offset: number;
}

function filterOf({ query }: Route): Filter {
  const state = states.find(([name]) => name === query.get('state'))?.[0] ?? 'waiting';
  const offset = Math.max(0, Math.trunc(Number(query.get('offset') ?? 0)) || 0);
  return { state, stream: query.get('stream') ?? '', text: query.get('text') ?? '', offset };
}

/** Returns the parts of a filter that differ from the default, as a query. */
function queryOf({ state, stream, text, offset }: Filter): Record<string, string> {
  return {
    ...(state !== 'waiting' && { state }),
    ...(stream !== '' && { stream }),
    ...(text !== '' && { text }),
    ...(offset > 0 && { offset: String(offset) }),
  };
}

interface ListPageProps {
  readonly route: Route;
  readonly job: UsedJob<SettleJob>;
}

export function DeadLetterListPage({ route, job }: ListPageProps) {
  const filter = filterOf(route);
  const path = `/api/dead-letters?${new URLSearchParams(queryOf(filter)).toString()}`;
  const { data, error, reload } = useApi<DeadLetterList>(path, { refreshMs: 10_000 });
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [action, setAction] = useState<Action>();
  useEffect(() => setSelected(new Set()), [path]);
  const settled = job.state?.progress?.settled.length;
  useEffect(reload, [job.isRunning, settled]);
  const shown = data?.deadLetters ?? [];
  const chosen = shown.filter(({ id }) => selected.has(id)).map(({ id }) => id);
  return (
    <div class="stack dead-letters">
      <div class="page-head">
        <h1>Dead letters</h1>
        <StateLinks filter={filter} counts={data?.counts} />
      </div>
      <SettlePanel job={job} />
      {error !== undefined && data === undefined && <ErrorState error={error} onRetry={reload} />}
      {data === undefined && error === undefined && <Skeleton lines={6} />}
      {data !== undefined && (
        <section class="card">
          <FilterBar filter={filter} data={data} />
          {data.total === 0 ? (
            <Nothing filter={filter} />
          ) : (
            <>
              <Table
                caption="Dead letters"
                columns={columnsOf(selected, setSelected)}
                rows={shown}
                keyOf={({ id }) => id}
              />
              <Actions
                shown={shown}
                chosen={chosen}
                isDisabled={job.isRunning}
                state={filter.state}
                onSelect={setSelected}
                onAction={setAction}
              />
              <Pages filter={filter} data={data} />
            </>
          )}
        </section>
      )}
      {action !== undefined && (
        <SettleDialog action={action} ids={chosen} job={job} onClose={() => setAction(undefined)} />
      )}
    </div>
  );
}

interface StateLinksProps {
  readonly filter: Filter;
  readonly counts: DeadLetterList['counts'] | undefined;
}

function StateLinks({ filter, counts }: StateLinksProps) {
  return (
    <nav class="tabs" aria-label="States">
      {states.map(([state, title]) => (
        <a
          key={state}
          href={hrefOf('dead-letters', '', queryOf({ ...filter, state, stream: '', offset: 0 }))}
          aria-current={state === filter.state ? 'true' : undefined}
        >
          {title} {counts !== undefined && <span class="quiet">{numberText(counts[state])}</span>}
        </a>
      ))}
    </nav>
  );
}

/** The filter is in the address, so that a link or the back button restores it. */
function FilterBar({ filter, data }: { readonly filter: Filter; readonly data: DeadLetterList }) {
  const change = (part: Partial<Filter>) => {
    location.hash = hrefOf('dead-letters', '', queryOf({ ...filter, offset: 0, ...part }));
  };
  const streams = [...new Set([...data.kinds.map(({ stream }) => stream), filter.stream])].filter(Boolean);
  return (
    <form
      class="filter-bar"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        const text = new FormData(event.currentTarget).get('text');
        change({ text: typeof text === 'string' ? text.trim() : '' });
      }}
    >
      <label class="field">
        <span>Stream</span>
        <select value={filter.stream} onChange={(event) => change({ stream: event.currentTarget.value })}>
          <option value="">all</option>
          {streams.sort().map((stream) => (
            <option key={stream} value={stream}>
              {stream}
            </option>
          ))}
        </select>
      </label>
      <label class="field grow">
        <span>Code, reason, key or id</span>
        <input key={filter.text} type="search" name="text" defaultValue={filter.text} maxLength={500} />
      </label>
      <button type="submit" class="button">
        Filter
      </button>
      {data.kinds.length > 1 && (
        <ul class="kinds" aria-label="Kinds">
          {data.kinds.slice(0, 8).map(({ stream, step, code, count }) => (
            <li key={`${stream} ${step} ${code}`}>
              <a href={hrefOf('dead-letters', '', queryOf({ ...filter, stream, text: code, offset: 0 }))}>
                {numberText(count)} × {stream} · {code}
              </a>
            </li>
          ))}
        </ul>
      )}
    </form>
  );
}

function Nothing({ filter }: { readonly filter: Filter }) {
  if (filter.stream !== '' || filter.text !== '')
    return (
      <EmptyState title="No dead letters match">
        <a href={hrefOf('dead-letters', '', queryOf({ ...filter, stream: '', text: '', offset: 0 }))}>
          Clear the filter
        </a>
      </EmptyState>
    );
  if (filter.state !== 'waiting') return <EmptyState title={`No dead letters have been ${filter.state}`} />;
  return (
    <EmptyState title="No dead letters are pending" icon="done">
      Records and messages that are rejected appear here.
    </EmptyState>
  );
}

function columnsOf(
  selected: ReadonlySet<string>,
  setSelected: (next: ReadonlySet<string>) => void,
): readonly Column<DeadLetterLine>[] {
  const toggle = (id: string) => {
    const next = new Set(selected);
    if (!next.delete(id)) next.add(id);
    setSelected(next);
  };
  return [
    {
      head: 'ID',
      of: ({ id }) => (
        <span class="pick">
          <input
            type="checkbox"
            aria-label={`Select ${shortId(id)}`}
            checked={selected.has(id)}
            onChange={() => toggle(id)}
          />
          <a href={hrefOf('dead-letters', id)}>
            <code>{shortId(id)}</code>
          </a>
        </span>
      ),
    },
    {
      head: 'Rejected',
      of: ({ rejectedMs }) => <Ago ms={rejectedMs} />,
      sortBy: ({ rejectedMs }) => rejectedMs,
    },
    { head: 'Stream', of: ({ stream }) => stream, sortBy: ({ stream }) => stream },
    { head: 'Step', of: ({ step }) => step, sortBy: ({ step }) => step },
    { head: 'Code', of: ({ code }) => <Badge tone="bad">{code}</Badge>, sortBy: ({ code }) => code },
    { head: 'Reason', of: ({ reason }) => <span class="reason">{reason}</span> },
  ];
}

interface ActionsProps {
  readonly shown: readonly DeadLetterLine[];
  readonly chosen: readonly string[];
  readonly state: DeadLetterState;
  readonly isDisabled: boolean;
  readonly onSelect: (ids: ReadonlySet<string>) => void;
  readonly onAction: (action: Action) => void;
}

function Actions({ shown, chosen, state, isDisabled, onSelect, onAction }: ActionsProps) {
  if (state === 'redriven') return null;
  const isAll = chosen.length === shown.length;
  const isOff = isDisabled || chosen.length === 0;
  return (
    <div class="actions">
      <button
        type="button"
        class="button"
        onClick={() => onSelect(new Set(isAll ? [] : shown.map(({ id }) => id)))}
      >
        {isAll ? 'Select none' : `Select all ${numberText(shown.length)}`}
      </button>
      <span class="quiet grow">{chosen.length > 0 && `${amountOf(chosen.length)} selected`}</span>
      {state === 'waiting' && (
        <button type="button" class="button danger" disabled={isOff} onClick={() => onAction('discard')}>
          Discard…
        </button>
      )}
      <button type="button" class="button main" disabled={isOff} onClick={() => onAction('redrive')}>
        Redrive…
      </button>
    </div>
  );
}

function Pages({ filter, data }: { readonly filter: Filter; readonly data: DeadLetterList }) {
  const { total, deadLetters, others } = data;
  const last = filter.offset + deadLetters.length;
  const linkTo = (offset: number, text: string) => (
    <a href={hrefOf('dead-letters', '', queryOf({ ...filter, offset: Math.max(0, offset) }))}>{text}</a>
  );
  return (
    <p class="pages quiet">
      {numberText(filter.offset + 1)}–{numberText(last)} of {numberText(total)}
      {filter.offset > 0 && linkTo(filter.offset - 100, 'Newer')}
      {last < total && linkTo(last, 'Older')}
      {others > 0 && <span>{several(others, 'other message')} on the topic</span>}
    </p>
  );
}
