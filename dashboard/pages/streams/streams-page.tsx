import type { PageComponent } from '../shell/page-list.ts';
import { hrefOf } from '../shell/route.ts';
import { ColumnsTab } from './columns-tab.tsx';
import { FactsTab } from './facts-tab.tsx';
import { MessagesTab } from './messages-tab.tsx';
import { RowsTab } from './rows-tab.tsx';
import { SchemaTab } from './schema-tab.tsx';
import { StreamList } from './stream-list.tsx';

const tabs = [
  ['', 'Status'],
  ['messages', 'Messages'],
  ['rows', 'Rows'],
  ['columns', 'Columns'],
  ['schema', 'Schema'],
] as const;

export const StreamsPage: PageComponent = ({ route: { argument: stream, query } }) => {
  if (stream === '') return <StreamList />;
  const asked = query.get('tab') ?? '';
  const [tab, title] = tabs.find(([name]) => name === asked) ?? tabs[0];
  return (
    <div class="streams stack" key={stream}>
      <div class="page-head">
        <h1>{stream}</h1>
        <a href={hrefOf('streams')}>All streams</a>
      </div>
      <nav class="tabs" aria-label={`Parts of ${stream}`}>
        {tabs.map(([name, label]) => (
          <a
            key={name}
            href={hrefOf('streams', stream, name === '' ? {} : { tab: name })}
            aria-current={name === tab ? 'page' : undefined}
          >
            {label}
          </a>
        ))}
      </nav>
      <h2 class="hidden-text">{title}</h2>
      {tab === '' && <FactsTab stream={stream} />}
      {tab === 'messages' && <MessagesTab stream={stream} query={query} />}
      {tab === 'rows' && <RowsTab stream={stream} />}
      {tab === 'columns' && <ColumnsTab stream={stream} />}
      {tab === 'schema' && <SchemaTab stream={stream} query={query} />}
    </div>
  );
};
