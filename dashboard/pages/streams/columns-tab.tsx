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
    <section class="card column-list">
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
  { head: 'Type', of: ({ type }) => <TypeText type={type} />, sortBy: ({ type }) => type },
  { head: 'Avro field', of: (line) => <Origin line={line} />, sortBy: ({ origin }) => origin?.since ?? 0 },
  { head: 'Comment', of: ({ comment }) => <CommentText comment={comment} /> },
];

/** A type longer than this is shown on request. */
const MAX_TYPE = 90;

function TypeText({ type }: { readonly type: string }) {
  if (type.length <= MAX_TYPE) return <span class="mono long">{type}</span>;
  return (
    <details class="mono long">
      <summary>{shortType(type)}</summary>
      {type}
    </details>
  );
}

/** Returns the outer types, such as `Array(Tuple(…))`. */
function shortType(type: string): string {
  const [outer = ''] = /^(?:\w+\()*/.exec(type) ?? [];
  return `${outer}…${')'.repeat(outer.split('(').length - 1)}`;
}

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
  const versions = isCurrent
    ? since > 1 && `since version ${since}`
    : `versions ${since} to ${until}; the latest lacks it`;
  return (
    <span class="long" title={`since version ${since}`}>
      {type} {versions !== false && <span class="quiet">{versions}</span>}
    </span>
  );
}
