import type { NewestRows } from '../../api/tables.ts';
import { numberText } from '../shared/format.ts';
import { EmptyState, ErrorState, Prose, Skeleton } from '../shared/states.tsx';
import { Table, type Column } from '../shared/table.tsx';
import { useApi } from '../shared/use-api.ts';

type Row = NewestRows['rows'][number];

/** Longer values are truncated in the table. The tooltip shows up to 2,000 characters. */
const MAX_SHOWN = 80;

/** The newest rows of the stream's view. */
export function RowsTab({ stream }: { readonly stream: string }) {
  const { data, error, isLoading, reload } = useApi<NewestRows>(
    `/api/streams/${encodeURIComponent(stream)}/rows`,
  );
  if (error !== undefined) return <ErrorState error={error} onRetry={reload} />;
  if (data === undefined) return <Skeleton lines={8} />;
  if (data.rows.length === 0)
    return (
      <EmptyState title="The view has no rows">
        <Prose>Run `npm run sink`.</Prose>
      </EmptyState>
    );
  const columns = data.columns.map(({ name, type }, at): Column<Row> => ({
    head: name,
    of: (row) => <Cell value={row[at] ?? null} />,
    ...(/^(?:Nullable\()?(?:U?Int|Decimal|Float)/.test(type) && { align: 'end' as const }),
  }));
  return (
    <section class="card">
      <div class="card-head">
        <span class="quiet">
          {numberText(data.rows.length)} {data.newestBy === undefined ? 'rows' : 'newest rows'}, in{' '}
          {numberText(Math.round(data.elapsedMs))} ms
        </span>
        <button type="button" class="button" disabled={isLoading} onClick={reload}>
          {isLoading ? 'Loading…' : 'Reload'}
        </button>
      </div>
      <Table
        caption={`Newest rows of ${stream}`}
        columns={columns}
        rows={data.rows}
        keyOf={(_, at) => at}
        narrow="scroll"
      />
    </section>
  );
}

function Cell({ value }: { readonly value: string | null }) {
  if (value === null) return <span class="quiet">null</span>;
  if (value === '') return <span class="quiet">empty</span>;
  return value.length > MAX_SHOWN ? (
    <span title={value.slice(0, 2_000)}>{value.slice(0, MAX_SHOWN)}…</span>
  ) : (
    <>{value}</>
  );
}
