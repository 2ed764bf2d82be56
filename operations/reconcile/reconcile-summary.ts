import { messageOf } from '../../core/errors.ts';
import { shownKey } from '../../core/terminal/terminal.ts';
import { grouped, several } from '../../core/terminal/amounts.ts';
import { cut, firstFitting, textTable, type Column } from '../../core/terminal/columns.ts';
import {
  isEqual,
  type Allowed,
  type DifferenceKind,
  type RepairCounts,
  type StreamComparison,
} from './comparison.ts';

const WIDTH = 80;
const MAX_NAME_WIDTH = 30;

const kindTexts: Readonly<Record<DifferenceKind, string>> = {
  missing: 'on the topic, not in the table',
  stray: 'in the table, not on the topic',
  older: 'the table has an earlier version',
  other: 'the table has a version that the topic lacks',
  twice: 'duplicate rows of one message: merges or npm run replay remove them',
};

/**
 * Formats the differences as a table, at most 80 characters wide if possible, followed by the
 * details of each stream.
 */
export function reconcileSummary(comparisons: readonly StreamComparison[], allowed: Allowed): string {
  const lines = comparisons.flatMap(linesOf);
  const equal = comparisons.filter((comparison) => isEqual(comparison, allowed)).length;
  const total =
    equal === comparisons.length
      ? `${several(equal, 'stream')} equal`
      : `${grouped(equal)} of ${several(comparisons.length, 'stream')} equal`;
  return [tableOf(comparisons, allowed), ...lines, ...(lines.length > 0 ? [''] : []), total].join('\n');
}

const countColumns: readonly Column<StreamComparison>[] = [
  ...(['missing', 'stray', 'older', 'other', 'twice'] as const).map((kind) => ({
    head: kind,
    of: ({ counts }: StreamComparison) => counts[kind],
  })),
  { head: 'behind', of: ({ behind }) => behind },
];

/** Shows only columns with differences, or their sum if they do not fit. */
function tableOf(comparisons: readonly StreamComparison[], allowed: Allowed): string {
  const shown = countColumns.filter(({ of }) => comparisons.some((comparison) => of(comparison) !== 0));
  const sum = {
    head: 'differing',
    of: (comparison: StreamComparison) => shown.reduce((total, { of }) => total + Number(of(comparison)), 0),
  };
  const dead = comparisons.some(({ deadLetters }) => deadLetters > 0)
    ? [{ head: 'dead', of: ({ deadLetters }: StreamComparison) => deadLetters }]
    : [];
  const tables = [shown, [sum]].map((counts) =>
    textTable<StreamComparison>(
      [
        { head: 'stream', of: ({ stream }) => cut(stream, MAX_NAME_WIDTH) },
        { head: 'keys', of: ({ keys }) => keys },
        ...counts,
        ...dead,
        { head: 'views', of: viewsText },
        { head: '', of: (comparison) => resultText(comparison, allowed) },
      ],
      comparisons,
    ),
  );
  return firstFitting(WIDTH, tables);
}

function viewsText({ views }: StreamComparison): string {
  const wrong = views.filter(({ problem }) => problem !== undefined).length;
  return wrong > 0 ? `${wrong} wrong` : views.length > 0 ? 'equal' : '';
}

function resultText(comparison: StreamComparison, allowed: Allowed): string {
  if (comparison.failure !== undefined) return 'FAILED';
  if (!isEqual(comparison, allowed)) return 'DIFFERS';
  return comparison.isByKey ? 'equal' : 'equal, not by key';
}

function linesOf(comparison: StreamComparison): string[] {
  const { stream, failure, faults, notes, repair, examples, views, deadLetters } = comparison;
  const lines = [
    ...(failure === undefined ? [] : [`failed: ${messageOf(failure)}`]),
    ...faults,
    ...(repair === undefined ? [] : repairTexts(repair)),
    ...keyLines(comparison),
    ...examples.map(({ key, kind }) => `  ${kind.padEnd(7)}  ${shownKey(key)}`),
    ...views.flatMap(({ view, problem }) => (problem === undefined ? [] : [`view ${view} ${problem}`])),
    ...(deadLetters > 0
      ? [`${several(deadLetters, 'dead letter')} pending: npm run dead-letters -- list --streams ${stream}`]
      : []),
    ...notes,
  ];
  const named = lines.map((line) => (line.startsWith(' ') ? line : `${stream}: ${line}`));
  return lines.length === 0 ? [] : ['', ...named];
}

/** Returns lines such as `3 missing: on the topic, not in the table`. */
function keyLines({ counts, behind }: StreamComparison): string[] {
  const kinds = (Object.keys(counts) as DifferenceKind[]).filter((kind) => counts[kind] > 0);
  return [
    ...kinds.map((kind) => `${grouped(counts[kind])} ${kind}: ${kindTexts[kind]}`),
    ...(behind > 0 ? [`${grouped(behind)} behind: messages that the sink has not inserted`] : []),
  ];
}

function repairTexts({ inserted, deleted, left, remarks }: RepairCounts): string[] {
  const changed = `${several(inserted, 'row')} inserted, rows of ${several(deleted, 'key')} deleted`;
  const rest = left > 0 ? `, ${several(left, 'key')} left to the sink` : '';
  return [`repaired: ${changed}${rest}`, ...remarks.slice(0, 10)];
}

export function reconcileJson(
  comparison: StreamComparison,
  allowed: Allowed,
): Readonly<Record<string, unknown>> {
  const { keys, counts, behind, deadLetters, isByKey, examples, views, faults, notes, repair, failure } =
    comparison;
  return {
    equal: isEqual(comparison, allowed),
    keys,
    ...counts,
    behind,
    dead_letters: deadLetters,
    by_key: isByKey,
    examples,
    views: views.map(({ view, problem = null }) => ({ view, problem })),
    faults,
    notes,
    ...(repair && { repair }),
    ...(failure && { failure: messageOf(failure) }),
  };
}
