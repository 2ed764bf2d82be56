import { useEffect, useRef, useState } from 'preact/hooks';
import type { About } from '../../api/about.ts';
import type { SqlNames, SqlQuestion } from '../../api/sql.ts';
import { takeClicked } from '../shared/sql-link.tsx';
import { useApi } from '../shared/use-api.ts';
import type { PageComponent } from '../shell/page-list.ts';
import { hrefOf } from '../shell/route.ts';
import { SqlEditor } from './editor/sql-editor.tsx';
import { errorPosition } from './error-position.ts';
import { addToHistory, clearHistory, readHistory, type HistoryEntry } from './query-history.ts';
import { SqlAside } from './sql-aside.tsx';
import { SqlResultCard } from './sql-result.tsx';
import { useQuery } from './use-query.ts';

const downloads = [
  ['csv', 'CSV'],
  ['parquet', 'Parquet'],
  ['json', 'JSON'],
] as const;

/** The query in the editor, which survives a visit to another page. */
let draft = 'SELECT month, closing_mrr / 100 AS mrr\nFROM mrr_by_month\nORDER BY month';

export const SqlPage: PageComponent = ({ route }) => {
  const linked = route.query.get('q');
  const [text, setText] = useState(linked ?? draft);
  const [loaded, setLoaded] = useState({ text });
  const [isFromLink, setFromLink] = useState(false);
  const [asked, setAsked] = useState<SqlQuestion>();
  const [history, setHistory] = useState<readonly HistoryEntry[]>([]);
  const names = useApi<SqlNames>('/api/sql/names');
  const questions = useApi<readonly SqlQuestion[]>('/api/sql/questions');
  const about = useApi<About>('/api/about');
  const { state, run, download, cancel } = useQuery();
  const runButton = useRef<HTMLButtonElement>(null);
  // A query for one database is useless on another.
  const place = about.data && `${about.data.clickhouse} ${about.data.database}`;
  const isRunning = state.sinceMs !== undefined;

  useEffect(() => setHistory(place === undefined ? [] : readHistory(place)), [place]);
  const change = (next: string) => {
    draft = next;
    setText(next);
  };
  const load = (sql: string) => {
    change(sql);
    setLoaded({ text: sql });
  };
  const start = (sql: string) => {
    if (sql.trim() === '') return;
    setFromLink(false);
    globalThis.history.replaceState(null, '', hrefOf('sql', '', { q: sql }));
    if (place !== undefined) setHistory(addToHistory(place, sql, Date.now()));
    run(sql);
  };
  const open = (sql: string, question?: SqlQuestion) => {
    setAsked(question);
    load(sql);
    start(sql);
    // On a narrow screen the choices are below the result.
    globalThis.scrollTo({ top: 0 });
  };
  useEffect(() => {
    if (linked === null) return;
    load(linked);
    // The address may come from anywhere. The user must see the query before it runs.
    if (takeClicked(linked)) start(linked);
    else setFromLink(true);
  }, [linked]);

  const faultAt = state.error === undefined ? undefined : errorPosition(state.error.message, state.sql);
  return (
    <div class="sql stack">
      <div class="page-head">
        <h1>SQL</h1>
        {about.data !== undefined && (
          <span class="quiet">
            reads the database <code>{about.data.database}</code>
          </span>
        )}
      </div>
      <div class="sql-columns">
        <div class="stack">
          <section class="card" aria-label="Query">
            {isFromLink && (
              <p class="sql-notice" role="status">
                This query came with the link. Read it, then press Run.
              </p>
            )}
            <SqlEditor
              text={text}
              loaded={loaded}
              names={names.data}
              faultAt={state.sql === text ? faultAt : undefined}
              onChange={change}
              onRun={() => start(text)}
              onLeave={() => runButton.current?.focus()}
            />
            <div class="sql-actions">
              {isRunning ? (
                <button type="button" class="button danger" onClick={cancel}>
                  Cancel
                </button>
              ) : (
                <button type="button" class="button main" ref={runButton} onClick={() => start(text)}>
                  Run
                </button>
              )}
              <span class="quiet sql-keys">Ctrl or ⌘ + Enter runs, Escape leaves the editor</span>
              <span class="sql-downloads" role="group" aria-label="Download the entire result">
                <span class="quiet">Download</span>
                {downloads.map(([format, name]) => (
                  <button
                    key={format}
                    type="button"
                    class="button"
                    disabled={isRunning}
                    onClick={() => download(text, format)}
                  >
                    {name}
                  </button>
                ))}
              </span>
            </div>
          </section>
          <section class="card" aria-label="Result" aria-busy={isRunning}>
            <SqlResultCard state={state} suggested={asked?.sql === state.sql ? asked.chart : undefined} />
          </section>
        </div>
        <SqlAside
          questions={questions}
          names={names}
          history={history}
          onAsk={(question) => open(question.sql, question)}
          onOpen={open}
          onClear={() => {
            if (place !== undefined) clearHistory(place);
            setHistory([]);
          }}
        />
      </div>
    </div>
  );
};
