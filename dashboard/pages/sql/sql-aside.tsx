import { useState } from 'preact/hooks';
import type { SqlNames, SqlQuestion } from '../../api/sql.ts';
import { EmptyState, ErrorState, Prose, Skeleton } from '../shared/states.tsx';
import { Ago } from '../shared/time.tsx';
import type { ApiState } from '../shared/use-api.ts';
import type { HistoryEntry } from './query-history.ts';

const tabs = ['Questions', 'Tables', 'History'] as const;

interface SqlAsideProps {
  readonly questions: ApiState<readonly SqlQuestion[]>;
  readonly names: ApiState<SqlNames>;
  readonly history: readonly HistoryEntry[];
  readonly onAsk: (question: SqlQuestion) => void;
  readonly onOpen: (sql: string) => void;
  readonly onClear: () => void;
}

/** Queries and names to choose from. */
export function SqlAside({ questions, names, history, onAsk, onOpen, onClear }: SqlAsideProps) {
  const [tab, setTab] = useState<(typeof tabs)[number]>('Questions');
  return (
    <aside class="card" aria-label="Queries and tables">
      <div class="tabs">
        {tabs.map((name) => (
          <button key={name} type="button" aria-pressed={tab === name} onClick={() => setTab(name)}>
            {name}
          </button>
        ))}
      </div>
      <div class="aside-list" tabIndex={0} role="region" aria-label={tab}>
        {tab === 'Questions' && (
          <Loaded of={questions} show={(list) => <Questions list={list} onAsk={onAsk} />} />
        )}
        {tab === 'Tables' && <Loaded of={names} show={(found) => <Tables names={found} onOpen={onOpen} />} />}
        {tab === 'History' && <History entries={history} onOpen={onOpen} onClear={onClear} />}
      </div>
    </aside>
  );
}

function Loaded<T>({
  of,
  show,
}: {
  readonly of: ApiState<T>;
  readonly show: (data: T) => preact.JSX.Element;
}) {
  if (of.data !== undefined) return show(of.data);
  return of.error === undefined ? (
    <Skeleton lines={6} />
  ) : (
    <ErrorState error={of.error} onRetry={of.reload} />
  );
}

interface QuestionsProps {
  readonly list: readonly SqlQuestion[];
  readonly onAsk: (question: SqlQuestion) => void;
}

function Questions({ list, onAsk }: QuestionsProps) {
  return (
    <ul class="choices">
      {list.map((question) => (
        <li key={question.name}>
          <button type="button" onClick={() => onAsk(question)}>
            <strong>{question.title}</strong>
            <span class="quiet">
              <Prose>{question.about}</Prose>
            </span>
          </button>
        </li>
      ))}
    </ul>
  );
}

function Tables({ names, onOpen }: { readonly names: SqlNames; readonly onOpen: (sql: string) => void }) {
  if (names.tables.length === 0)
    return (
      <EmptyState title="No tables yet">
        <Prose>{'Run `npm run produce`, then `npm run sink`.'}</Prose>
      </EmptyState>
    );
  return (
    <ul class="tables">
      {names.tables.map(({ name, kind, columns }) => (
        <li key={name}>
          <details>
            <summary>
              <code>{name}</code> {kind === 'table' && <span class="quiet">table</span>}
            </summary>
            <button
              type="button"
              class="button"
              onClick={() => onOpen(`SELECT *\nFROM ${quotedName(name)}\nLIMIT 100`)}
            >
              Select the first 100 rows
            </button>
            <ul>
              {columns.map((column) => (
                <li key={column.name} title={column.comment}>
                  {column.name} <span class="quiet">{column.type}</span>
                </li>
              ))}
            </ul>
          </details>
        </li>
      ))}
    </ul>
  );
}

function quotedName(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? name : `\`${name.replace(/[\\`]/g, '\\$&')}\``;
}

interface HistoryProps {
  readonly entries: readonly HistoryEntry[];
  readonly onOpen: (sql: string) => void;
  readonly onClear: () => void;
}

function History({ entries, onOpen, onClear }: HistoryProps) {
  if (entries.length === 0)
    return <EmptyState title="No queries yet">This browser keeps the queries that you run.</EmptyState>;
  return (
    <>
      <ul class="choices">
        {entries.map(({ sql, atMs }) => (
          <li key={sql}>
            <button type="button" onClick={() => onOpen(sql)}>
              <code>{sql.length > 160 ? `${sql.slice(0, 160)}…` : sql}</code>
              <span class="quiet">
                <Ago ms={atMs} />
              </span>
            </button>
          </li>
        ))}
      </ul>
      <button type="button" class="button more" onClick={onClear}>
        Clear the history
      </button>
    </>
  );
}
