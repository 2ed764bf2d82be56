import { messageOf } from '../../core/errors.ts';
import { endingLines } from '../../core/shared-endings.ts';
import { formatNumber, grouped, shortNumber } from '../../core/terminal/amounts.ts';
import { firstFitting, textTable } from '../../core/terminal/columns.ts';
import { requestsPerSecond, type StreamCounts } from './stream-counts.ts';

interface SummaryColumn {
  readonly head: string;
  readonly of: (counts: StreamCounts) => number;
  /** Defaults to the sum over the streams. */
  readonly total?: (counts: readonly StreamCounts[]) => number;
  readonly isBytes?: true;
}

const columns: readonly SummaryColumn[] = [
  { head: 'pages', of: ({ pages }) => pages },
  { head: 'requests', of: ({ requests }) => requests },
  { head: 'retries', of: ({ retries }) => retries },
  { head: '429s', of: ({ rateLimited }) => rateLimited },
  { head: 'records', of: ({ records }) => records },
  { head: 'new', of: (count) => count.new },
  { head: 'changed', of: ({ changed }) => changed },
  { head: 'unchanged', of: ({ unchanged }) => unchanged },
  { head: 'deleted', of: ({ deleted }) => deleted },
  { head: 'dead', of: ({ deadLettered }) => deadLettered },
  { head: 'sent', of: ({ messages }) => messages },
  { head: 'bytes', of: ({ bytes }) => bytes, isBytes: true },
  { head: 'seconds', of: ({ seconds }) => seconds, total: elapsedSeconds },
  { head: 'req/s', of: ({ requests, seconds }) => requestsPerSecond(requests, seconds), total: totalRate },
];

/** Explains new fields, because names such as `mrr__v_double` would otherwise look like a fault. */
const NEW_FIELDS = 'new fields become columns and require no action: docs/how-to/schema-changes.md';

interface Row {
  readonly name: string;
  readonly counts: readonly StreamCounts[];
}

/**
 * Columns that a narrow terminal omits: first those with only zeros, then the rest, both in this
 * order. All other columns always stay.
 */
const omittedInOrder = 'bytes req/s requests unchanged pages retries 429s sent dead'.split(' ');

/**
 * Returns a table with a line for each stream of the account and a total, followed by lines about
 * new fields, discarded values, dead letters, denied lists, absent streams and failures. Returns
 * only one line if the account has none of the streams, or if nothing was read because several
 * streams all ended for the same reason.
 *
 * @param width of the terminal. To fit it, the table omits columns, those with only zeros first,
 * and then shortens numbers.
 */
export function runSummary(counts: readonly StreamCounts[], width = Infinity): string {
  const shown = counts.filter(({ isAbsent }) => !isAbsent);
  const endings = endingLines(shown.map((count) => [count.stream, endingOf(count)]));
  // If nothing was read, and all streams ended for the same reason, a table of zeros would only
  // hide the reason.
  const hasRead = shown.some(({ records, pages, deadLettered }) => records + pages + deadLettered > 0);
  const haveAllEnded = shown.length > 1 && shown.every((count) => endingOf(count) !== undefined);
  if (!hasRead && haveAllEnded && endings.length === 1) return endings.join('\n');
  if (counts.length > 0 && shown.length === 0)
    return `this account does not have ${counts.map(({ stream }) => stream).join(', ')}`;
  return [
    // A terminal of unknown size reports 0.
    firstFitting(width > 0 ? width : Infinity, tables(shown)),
    ...newFieldLines(shown),
    ...countLine('omitted in discard mode', shown, ({ discarded }) => discarded),
    ...countLine('sent to the dead-letter topic', shown, ({ deadLettered }) => deadLettered),
    ...countLine(
      'lists of parents that returned 403 (their children are kept)',
      shown,
      ({ denied }) => denied,
    ),
    ...absenceLines(counts),
    ...endings,
  ].join('\n');
}

/** Yields increasingly narrow tables: first with fewer columns, then with shortened numbers. */
function* tables(counts: readonly StreamCounts[]): Generator<string> {
  const isZero = (head: string) =>
    columns.some((column) => column.head === head && counts.every((count) => column.of(count) === 0));
  const omitted = [...omittedInOrder.filter(isZero), ...omittedInOrder.filter((head) => !isZero(head))];
  const without = (heads: readonly string[]) => columns.filter(({ head }) => !heads.includes(head));
  for (let left = 0; left <= omitted.length; left++)
    yield tableOf(counts, without(omitted.slice(0, left)), formatNumber);
  yield tableOf(counts, without(omitted), shortNumber);
}

function tableOf(
  counts: readonly StreamCounts[],
  shown: readonly SummaryColumn[],
  format: (value: number | bigint) => string,
): string {
  const rows: readonly Row[] = [
    ...counts.map((count) => ({ name: count.stream, counts: [count] })),
    { name: 'total', counts },
  ];
  const valueOf = (row: Row, { of, total }: SummaryColumn) =>
    row.counts === counts && total !== undefined
      ? total(counts)
      : row.counts.reduce((sum, count) => sum + of(count), 0);
  const numbers = shown.map((column) => ({
    head: column.head,
    of: (row: Row) => valueOf(row, column),
    ...(column.isBytes && { format: shortNumber }),
  }));
  return textTable<Row>([{ head: 'stream', of: ({ name }) => name }, ...numbers], rows, format);
}

/** Returns the time from the first start to the last end, because the streams run concurrently. */
function elapsedSeconds(counts: readonly StreamCounts[]): number {
  const begun = counts.filter(({ startedAtMs }) => startedAtMs > 0);
  const startMs = Math.min(...begun.map(({ startedAtMs }) => startedAtMs));
  const endMs = Math.max(...begun.map(({ startedAtMs, seconds }) => startedAtMs + seconds * 1000));
  return begun.length === 0 ? 0 : Math.round((endMs - startMs) / 100) / 10;
}

function totalRate(counts: readonly StreamCounts[]): number {
  const requests = counts.reduce((sum, count) => sum + count.requests, 0);
  return requestsPerSecond(requests, elapsedSeconds(counts));
}

function newFieldLines(counts: readonly StreamCounts[]): string[] {
  const extended = counts.filter(({ newFields }) => newFields.length > 0);
  const lines = extended.map(({ stream, newFields }) => {
    const fields = newFields.map(({ field, type }) => `${field} (${type})`);
    return `${stream} has new fields: ${fields.join(', ')}`;
  });
  return lines.length === 0 ? [] : [...lines, NEW_FIELDS];
}

/** Returns a line such as `omitted in discard mode: 3 from customers, 1 from plans`. */
function countLine(title: string, counts: readonly StreamCounts[], of: SummaryColumn['of']): string[] {
  const parts = counts
    .filter((count) => of(count) > 0)
    .map((count) => `${grouped(of(count))} from ${count.stream}`);
  return parts.length === 0 ? [] : [`${title}: ${parts.join(', ')}`];
}

/**
 * Returns lines such as
 * `opportunities is absent from this account: /opportunities returned 403 (…)`.
 */
function absenceLines(counts: readonly StreamCounts[]): string[] {
  return counts
    .filter(({ isAbsent, absence }) => isAbsent && absence !== undefined)
    .map(({ stream, absence }) => `${stream} is absent from this account: ${absence ?? ''}`);
}

function endingOf({ state, failure }: StreamCounts): string | undefined {
  if (state === 'stopped') return 'stopped before the end; the next run resumes there';
  return failure === undefined ? undefined : `failed: ${messageOf(failure)}`;
}
