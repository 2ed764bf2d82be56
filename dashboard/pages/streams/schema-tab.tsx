import type { SchemaComparison, SchemaLine, SchemaList } from '../../api/schemas.ts';
import { Count } from '../shared/number.tsx';
import { EmptyState, ErrorState, Prose, Skeleton } from '../shared/states.tsx';
import { Table, type Column } from '../shared/table.tsx';
import { useApi } from '../shared/use-api.ts';
import { hrefOf } from '../shell/route.ts';
import { SchemaChanges } from './schema-changes.tsx';

interface TabProps {
  readonly stream: string;
  readonly query: URLSearchParams;
}

/** The versions of the stream's schema, and the changes between two versions. */
export function SchemaTab({ stream, query }: TabProps) {
  const { data, error, reload } = useApi<SchemaList>(`/api/streams/${encodeURIComponent(stream)}/schemas`);
  if (error !== undefined) return <ErrorState error={error} onRetry={reload} />;
  if (data === undefined) return <Skeleton lines={6} />;
  const { versions } = data;
  const latest = versions.at(-1);
  if (latest === undefined)
    return (
      <EmptyState title="The registry has no schema for this stream">
        <Prose>Run `npm run produce`.</Prose>
      </EmptyState>
    );
  const from = Number(query.get('from') ?? versions.at(-2)?.version ?? latest.version);
  const to = Number(query.get('to') ?? latest.version);
  return (
    <>
      {versions.length === 1 && (
        <p class="quiet">
          The schema has not changed since its first version. Its fields are on{' '}
          <a href={hrefOf('streams', stream, { tab: 'columns' })}>Columns</a>.
        </p>
      )}
      {versions.length > 1 && <Comparison stream={stream} versions={versions} from={from} to={to} />}
      <section class="card" aria-labelledby="versions">
        <div class="card-head">
          <h3 id="versions">Versions</h3>
        </div>
        <Table
          caption="Versions of the schema"
          columns={columnsOf(stream, versions)}
          rows={versions.toReversed()}
          keyOf={({ version }) => version}
        />
      </section>
    </>
  );
}

interface ComparisonProps {
  readonly stream: string;
  readonly versions: readonly SchemaLine[];
  readonly from: number;
  readonly to: number;
}

function Comparison({ stream, versions, from, to }: ComparisonProps) {
  const path = `/api/streams/${encodeURIComponent(stream)}/schemas/compare?from=${from}&to=${to}`;
  const { data, error, reload } = useApi<SchemaComparison>(path);
  const choose = (name: 'from' | 'to') => (event: { readonly currentTarget: HTMLSelectElement }) => {
    const chosen = { from: String(from), to: String(to), [name]: event.currentTarget.value };
    location.hash = hrefOf('streams', stream, { tab: 'schema', ...chosen });
  };
  return (
    <section class="card" aria-labelledby="comparison">
      <div class="card-head">
        <h3 id="comparison">What changed</h3>
        <div class="fields">
          <VersionChoice label="From version" versions={versions} value={from} onChange={choose('from')} />
          <VersionChoice label="to version" versions={versions} value={to} onChange={choose('to')} />
        </div>
      </div>
      {error !== undefined && <ErrorState error={error} onRetry={reload} />}
      {data === undefined ? (
        error === undefined && <Skeleton lines={3} />
      ) : (
        <SchemaChanges changes={data.changes} />
      )}
    </section>
  );
}

interface ChoiceProps {
  readonly label: string;
  readonly versions: readonly SchemaLine[];
  readonly value: number;
  readonly onChange: (event: { readonly currentTarget: HTMLSelectElement }) => void;
}

function VersionChoice({ label, versions, value, onChange }: ChoiceProps) {
  return (
    <label>
      {label}
      <select value={value} onChange={onChange}>
        {versions.map(({ version }) => (
          <option key={version} value={version}>
            {version}
          </option>
        ))}
      </select>
    </label>
  );
}

function columnsOf(stream: string, versions: readonly SchemaLine[]): readonly Column<SchemaLine>[] {
  const before = (version: number) => versions[versions.findIndex((line) => line.version === version) - 1];
  return [
    { head: 'Version', of: ({ version }) => version, sortBy: ({ version }) => version },
    { head: 'Id', of: ({ id }) => <Count value={id} />, align: 'end', sortBy: ({ id }) => id },
    {
      head: 'Fields',
      of: ({ fields }) => <Count value={fields} />,
      align: 'end',
      sortBy: ({ fields }) => fields,
    },
    {
      head: 'Changes',
      of: ({ version, changes }) => {
        const earlier = before(version);
        if (changes === undefined || earlier === undefined) return <span class="quiet">–</span>;
        const query = { tab: 'schema', from: String(earlier.version), to: String(version) };
        return <a href={hrefOf('streams', stream, query)}>{changes}</a>;
      },
      align: 'end',
      sortBy: ({ changes = 0 }) => changes,
    },
  ];
}
