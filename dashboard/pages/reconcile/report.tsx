import type { JobState } from '../../api/job.ts';
import type { ReconciledStream, ReconcileProgress, ReconcileReport } from '../../api/reconcile.ts';
import { Badge } from '../shared/badge.tsx';
import { durationText, numberText, several } from '../shared/format.ts';
import { Icon } from '../shared/icon.tsx';
import { Count } from '../shared/number.tsx';
import { Prose } from '../shared/states.tsx';
import { Table, type Column } from '../shared/table.tsx';
import { Time } from '../shared/time.tsx';
import { hrefOf } from '../shell/route.ts';

interface Row {
  readonly stream: string;
  readonly result: ReconciledStream;
}

const kinds = [
  ['missing', 'on the topic, not in the table'],
  ['stray', 'in the table, not on the topic'],
  ['older', 'the row is from an earlier message than the latest one on the topic'],
  ['other', 'the row matches no message on the topic'],
  ['twice', 'several rows are from the same message'],
] as const;

const sourceKinds = [
  ['missing', 'in ChartMogul, not on the topic'],
  ['changed', 'different in ChartMogul and on the topic'],
  ['stray', 'on the topic, not in ChartMogul'],
  ['twice', 'ChartMogul returns several records with this key'],
  ['dead_letters', 'in ChartMogul, rejected as dead letters'],
] as const;

interface ReportProps {
  readonly report: ReconcileReport;
  readonly job: JobState<ReconcileProgress, ReconcileReport>;
  readonly isSource: boolean;
}

/** The report of `npm run reconcile`. */
export function Report({ report, job, isSource }: ReportProps) {
  const rows = Object.entries(report.streams).map(([stream, result]): Row => ({ stream, result }));
  const wrong = rows.filter(({ result }) => !isEqual(result));
  const { startedMs = 0, endedMs = 0 } = job;
  return (
    <>
      <section class={`card verdict ${report.equal ? 'good' : 'bad'}`} role="status">
        <Icon name={report.equal ? 'done' : 'alert'} size={24} />
        <div>
          <h2>
            {report.equal
              ? `${rows.length === 1 ? 'The stream is' : `All ${rows.length} streams are`} equal`
              : `${wrong.length} of ${several(rows.length, 'stream')} ${wrong.length === 1 ? 'differs' : 'differ'}`}
          </h2>
          <p class="quiet">
            <Time ms={endedMs} />, in {durationText((endedMs - startedMs) / 1_000)}
          </p>
        </div>
        <button type="button" class="button" onClick={() => download(report, endedMs)}>
          Download JSON
        </button>
      </section>
      {wrong.map(({ stream, result }) => (
        <Differences key={stream} stream={stream} result={result} />
      ))}
      <section class="card">
        <Table
          caption="Streams"
          columns={columnsOf(isSource)}
          rows={rows}
          keyOf={({ stream }) => stream}
          narrow="scroll"
        />
      </section>
    </>
  );
}

function isEqual({ equal, source }: ReconciledStream): boolean {
  return equal !== false && source?.equal !== false;
}

function columnsOf(isSource: boolean): readonly Column<Row>[] {
  const count = (head: string, of: (result: ReconciledStream) => number | undefined): Column<Row> => ({
    head,
    of: ({ result }) => <Count value={of(result) ?? null} />,
    align: 'end',
    sortBy: ({ result }) => of(result) ?? -1,
  });
  return [
    {
      head: 'Stream',
      of: ({ stream }) => <a href={hrefOf('streams', stream)}>{stream}</a>,
      sortBy: ({ stream }) => stream,
    },
    { head: 'Result', of: ({ result }) => <Verdict result={result} /> },
    count('Keys', ({ keys }) => keys),
    ...kinds.map(([kind]) => count(capitalized(kind), (result) => result[kind])),
    count('Behind', ({ behind }) => behind),
    count('Dead letters', ({ dead_letters: dead }) => dead),
    count('Wrong views', ({ views }) => views?.filter(({ problem }) => problem !== null).length),
    ...(isSource
      ? [
          count('Source keys', ({ source }) => source?.keys),
          count('Source differs', ({ source }) => source && differencesOf(source)),
        ]
      : []),
  ];
}

function differencesOf(source: NonNullable<ReconciledStream['source']>): number {
  return sourceKinds.reduce((sum, [kind]) => sum + source[kind], 0);
}

function Verdict({ result }: { readonly result: ReconciledStream }) {
  if (result.failure !== undefined || result.source?.failure !== undefined)
    return <Badge tone="bad">failed</Badge>;
  if (!isEqual(result)) return <Badge tone="bad">differs</Badge>;
  return <Badge tone="good">{result.by_key === false ? 'equal, not by key' : 'equal'}</Badge>;
}

function Differences({ stream, result }: Row) {
  const { failure, faults = [], views = [], repair, examples = [], source, notes = [] } = result;
  const lines = [
    ...(failure === undefined ? [] : [`failed: ${failure}`]),
    ...faults,
    ...(repair === undefined ? [] : repairLines(repair)),
    ...kinds.flatMap(([kind, text]) => lineOf(result[kind], kind, text)),
    ...lineOf(result.behind, 'behind', 'messages that the sink has not inserted'),
    ...views.flatMap(({ view, problem }) => (problem === null ? [] : [`view ${view} ${problem}`])),
    ...(source?.failure === undefined ? [] : [`source failed: ${source.failure}`]),
    ...sourceKinds.flatMap(([kind, text]) => lineOf(source?.[kind], kind, text)),
    ...notes,
  ];
  const keys = [...examples, ...(source?.examples ?? [])];
  return (
    <section class="card differences" aria-label={`Differences in ${stream}`}>
      <div class="card-head">
        <h2>
          <a href={hrefOf('streams', stream)}>{stream}</a>
        </h2>
        <Verdict result={result} />
      </div>
      <ul>
        {lines.map((line) => (
          <li key={line}>
            <Prose>{line}</Prose>
          </li>
        ))}
        {(result.dead_letters ?? 0) > 0 && (
          <li>
            <a href={hrefOf('dead-letters', '', { stream })}>
              {result.dead_letters} pending {result.dead_letters === 1 ? 'dead letter' : 'dead letters'}
            </a>
          </li>
        )}
      </ul>
      {keys.length > 0 && (
        <p class="keys">
          {keys.map(({ key, kind }) => (
            <span key={`${kind} ${key}`}>
              <span class="quiet">{kind}</span> <code>{key}</code>
            </span>
          ))}
        </p>
      )}
    </section>
  );
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

function lineOf(count: number | undefined, kind: string, text: string): string[] {
  return count === undefined || count === 0 ? [] : [`${count} ${kind.replace('_', ' ')}: ${text}`];
}

function repairLines(repair: NonNullable<ReconciledStream['repair']>): string[] {
  const { inserted, deleted, left, remarks } = repair;
  return [
    `repaired: ${several(inserted, 'row')} inserted, ${several(deleted, 'key')} deleted, ${numberText(left)} left to the sink`,
    ...remarks,
  ];
}

function download(report: ReconcileReport, endedMs: number): void {
  const url = URL.createObjectURL(new Blob([JSON.stringify(report, null, 2)], { type: 'application/json' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = `reconcile-${new Date(endedMs).toISOString().slice(0, 19).replaceAll(':', '')}.json`;
  link.click();
  URL.revokeObjectURL(url);
}
