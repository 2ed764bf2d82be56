import type { Settings } from '../core/config.ts';
import { ConfigError, messageOf } from '../core/errors.ts';
import { cut, drawLive, several } from '../core/live-cells.ts';
import { liveLines } from '../core/live-lines.ts';
import { textTable } from '../core/text-table.ts';
import type { StreamSpec } from '../producers/chartmogul/streams.ts';
import { compareSource, type SourceComparison, type SourceProgress } from '../producers/compare-source.ts';
import { chooseStreams, knownStreams } from '../producers/known-streams.ts';

const kindTexts = {
  missing: 'in ChartMogul, not on the topic',
  changed: 'not the same in both',
  stray: 'on the topic, not in ChartMogul',
} as const;

/** What is read from the source of the streams wanted: those that come from it, with their parents. @throws ConfigError */
export function sourceSpecs(
  settings: Settings,
  streams: readonly string[] | undefined,
): readonly StreamSpec[] {
  const known = knownStreams(settings);
  if (streams === undefined) return known;
  const foreign = streams.find((stream) => !known.some(({ name }) => name === stream));
  if (foreign === undefined) return chooseStreams(known, streams.join(','));
  throw new ConfigError(
    `--source: ${foreign} is no stream of ChartMogul in these settings; one of your own wants its CONFIG_FILE`,
  );
}

/** {@link compareSource}, with a line for what was read of each stream where stderr is a terminal. */
export async function compareSourceLive(
  settings: Settings,
  specs: readonly StreamSpec[],
  signal: AbortSignal,
): Promise<readonly SourceComparison[]> {
  const live = new Map<string, SourceProgress>();
  const drawn = drawLive(process.stderr, liveLines, (width, rows) =>
    [...live.values()].slice(-(rows - 1)).map((progress) => cut(progressLine(progress), width)),
  );
  try {
    return await compareSource(settings, specs, signal, (progress) => live.set(progress.stream, progress));
  } finally {
    drawn.stop();
  }
}

function progressLine({ stream, pages, records }: SourceProgress): string {
  return `${stream}  reading the source  ${several(pages, 'page')}  ${several(records, 'record')}`;
}

export function isSourceEqual({ missing, changed, stray, failure }: SourceComparison): boolean {
  return failure === undefined && missing + changed + stray === 0;
}

/** What source and topics say of each other, as a table and lines below. */
export function sourceSummary(comparisons: readonly SourceComparison[]): string {
  const head = ['source', 'records', 'keys', 'missing', 'changed', 'stray', ''];
  const rows = comparisons.map((comparison) => {
    const { stream, records, keys, missing, changed, stray, failure } = comparison;
    const result = failure !== undefined ? 'FAILED' : isSourceEqual(comparison) ? 'equal' : 'DIFFERS';
    return [stream, records, keys, missing, changed, stray, result];
  });
  return [textTable(head, rows), ...comparisons.flatMap(linesOf)].join('\n');
}

function linesOf({ stream, examples, failure, ...counts }: SourceComparison): string[] {
  const kinds = (['missing', 'changed', 'stray'] as const).filter((kind) => counts[kind] > 0);
  const lines = [
    ...(failure === undefined ? [] : [`${stream} failed: ${messageOf(failure)}`]),
    ...kinds.map((kind) => `${stream}: ${counts[kind].toLocaleString('en-US')} ${kind}: ${kindTexts[kind]}`),
    ...examples.map(({ key, kind }) => `  ${kind.padEnd(7)}  ${key}`),
  ];
  return lines.length === 0 ? [] : ['', ...lines];
}

export function sourceJson(comparison: SourceComparison): Readonly<Record<string, unknown>> {
  const { records, keys, missing, changed, stray, examples, failure } = comparison;
  const equal = isSourceEqual(comparison);
  const failed = failure === undefined ? {} : { failure: messageOf(failure) };
  return { equal, records, keys, missing, changed, stray, examples, ...failed };
}
