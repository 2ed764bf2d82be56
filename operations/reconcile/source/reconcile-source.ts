import type { Settings } from '../../../core/settings/config.ts';
import { ConfigError, messageOf } from '../../../core/errors.ts';
import type { Allowed } from '../comparison.ts';
import { grouped, several } from '../../../core/terminal/amounts.ts';
import { textTable } from '../../../core/terminal/columns.ts';
import { shownKey } from '../../../core/terminal/terminal.ts';
import type { StreamSpec } from '../../../producers/chartmogul/streams.ts';
import type { SourceComparison } from './compare-source.ts';
import { sourceKinds, type SourceDifferenceKind } from './source-diff.ts';
import { chooseStreams, knownStreams } from '../../../producers/chartmogul/known-streams.ts';

const kindTexts: Readonly<Record<SourceDifferenceKind, string>> = {
  missing: 'in ChartMogul, not on the topic',
  changed: 'different in ChartMogul and on the topic',
  stray: 'on the topic, not in ChartMogul',
  dead: 'in ChartMogul, rejected as dead letters',
  twice: 'ChartMogul returns several records with the key, but the topic can contain only one',
};

/** Returns the requested streams and their parents; all if undefined. @throws ConfigError */
export function sourceSpecs(settings: Settings, streams?: readonly string[]): readonly StreamSpec[] {
  const known = knownStreams(settings);
  if (streams === undefined) return known;
  const foreign = streams.find((stream) => !known.some(({ name }) => name === stream));
  if (foreign === undefined) return chooseStreams(known, streams.join(','));
  throw new ConfigError(`--source: ${foreign} is not a known stream: set the CONFIG_FILE that defines it`);
}

export function isSourceEqual({ counts, failure }: SourceComparison, allowed: Allowed): boolean {
  return (
    failure === undefined &&
    sourceKinds.every((kind) => counts[kind] === 0 || (kind === 'dead' && allowed.deadLetters))
  );
}

/** Formats the comparisons as a table, followed by the details of each stream. */
export function sourceSummary(comparisons: readonly SourceComparison[], allowed: Allowed): string {
  const resultOf = (comparison: SourceComparison) => {
    if (comparison.failure !== undefined) return 'FAILED';
    return isSourceEqual(comparison, allowed) ? 'equal' : 'DIFFERS';
  };
  const shown = sourceKinds.filter(
    (kind) => kind !== 'twice' || comparisons.some(({ counts }) => counts.twice > 0),
  );
  const table = textTable<SourceComparison>(
    [
      { head: 'source', of: ({ stream }) => stream },
      { head: 'records', of: ({ records }) => records },
      { head: 'keys', of: ({ keys }) => keys },
      ...shown.map((kind) => ({ head: kind, of: ({ counts }: SourceComparison) => counts[kind] })),
      { head: '', of: resultOf },
    ],
    comparisons,
  );
  return [table, ...comparisons.flatMap(linesOf)].join('\n');
}

function linesOf({ stream, examples, failure, counts, unasked }: SourceComparison): string[] {
  const differing = sourceKinds.filter((kind) => counts[kind] > 0);
  const lines = [
    ...(failure === undefined ? [] : [`${stream} failed: ${messageOf(failure)}`]),
    ...differing.map((kind) => `${stream}: ${grouped(counts[kind])} ${kind}: ${kindTexts[kind]}`),
    ...examples.map(({ key, kind }) => `  ${kind.padEnd(7)}  ${shownKey(key)}`),
  ];
  const outside = 'outside METRICS_START_DATE and METRICS_INTERVALS';
  if (unasked > 0) lines.push(`${stream}: ${several(unasked, 'key')} not compared: ${outside}`);
  return lines.length === 0 ? [] : ['', ...lines];
}

export function sourceJson(
  comparison: SourceComparison,
  allowed: Allowed,
): Readonly<Record<string, unknown>> {
  const { records, keys, counts, unasked, examples, failure } = comparison;
  const { dead, ...others } = counts;
  return {
    equal: isSourceEqual(comparison, allowed),
    records,
    keys,
    ...others,
    dead_letters: dead,
    not_compared: unasked,
    examples,
    ...(failure && { failure: messageOf(failure) }),
  };
}
