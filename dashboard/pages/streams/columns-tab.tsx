import type { ColumnLine, ColumnList } from '../../api/tables.ts';
import { EmptyState, ErrorState, Prose, Skeleton } from '../shared/states.tsx';
import { Table, type Column } from '../shared/table.tsx';
import { useApi } from '../shared/use-api.ts';

/** The columns of the stream's view, each with the field of the schema that fills it. */
export function ColumnsTab({ stream }: { readonly stream: string }) {
  const { data, error, reload } = useApi<ColumnList>(`/api/streams/${encodeURIComponent(stream)}/columns`);
  if (error !== undefined) return <ErrorState error={error} onRetry={reload} />;
  if (data === undefined) return <Skeleton lines={8} />;
  if (data.columns.length === 0)
    return (
      <EmptyState title="The view has no columns">
        <Prose>Run `npm run sink`.</Prose>
      </EmptyState>
    );
  return (
    <section class="card">
      <Table
        caption={`Columns of ${data.name}`}
        columns={columns}
        rows={data.columns}
        keyOf={({ name }) => name}
        narrow="cards"
      />
    </section>
  );
}

const columns: readonly Column<ColumnLine>[] = [
  { head: 'Column', of: ({ name }) => <span class="mono">{name}</span>, sortBy: ({ name }) => name },
  { head: 'Type', of: ({ type }) => <span class="mono long">{type}</span>, sortBy: ({ type }) => type },
  { head: 'Avro field', of: (line) => <Origin line={line} />, sortBy: ({ origin }) => origin?.since ?? 0 },
  { head: 'Comment', of: ({ comment }) => <CommentText comment={comment} /> },
];

function CommentText({ comment }: { readonly comment: string }) {
  return (
    <span class="long">
      <Prose>{comment}</Prose>
    </span>
  );
}

function Origin({ line: { origin, isSystem } }: { readonly line: ColumnLine }) {
  if (origin === undefined) return <span title="The registry did not respond">?</span>;
  if (origin === null) return <span class="quiet">{isSystem ? 'added by the sink' : 'no field'}</span>;
  const { type, since, until, isCurrent } = origin;
  return (
    <span class="long">
      {type}{' '}
      <span class="quiet">
        {isCurrent ? `since version ${since}` : `versions ${since} to ${until}; the latest lacks it`}
      </span>
    </span>
  );
}
