import type { Settings } from '../../core/settings/config.ts';
import { isEqual, type Allowed, type StreamComparison } from './comparison.ts';
import { reconcileJson, reconcileSummary } from './reconcile-summary.ts';
import { reconcile, type ReconcileOptions } from './reconcile.ts';
import { ReconcileProgress } from './reconcile-progress.ts';
import type { SourceProgress } from './source/compare-stream.ts';
import { compareSource, type SourceComparison } from './source/compare-source.ts';
import { isSourceEqual, sourceJson, sourceSpecs, sourceSummary } from './source/reconcile-source.ts';

/** The comparisons of all streams: of topics with tables and views, and of sources with topics. */
export interface ReconcileReport {
  readonly isEqual: boolean;
  readonly allowed: Allowed;
  readonly comparisons: readonly StreamComparison[];
  /** Empty unless requested. May also contain the parents of the requested streams. */
  readonly sources: readonly SourceComparison[];
}

/**
 * Runs {@link reconcile} and, on request, compares the sources with the topics.
 * @throws ConfigError for a wrong stream name before anything is compared; see {@link reconcile}.
 */
export async function createReport(
  settings: Settings,
  options: ReconcileOptions & { readonly allowed: Allowed; readonly comparesSource: boolean },
  signal: AbortSignal,
  progress = new ReconcileProgress(),
): Promise<ReconcileReport> {
  const { streams, allowed, comparesSource } = options;
  const specs = comparesSource ? sourceSpecs(settings, streams) : [];
  const comparisons = await reconcile(settings, options, signal, progress);
  const onSource = (source: SourceProgress) => progress.sources.set(source.stream, source);
  const sources = specs.length > 0 ? await compareSource(settings, specs, signal, onSource) : [];
  return {
    isEqual:
      comparisons.every((comparison) => isEqual(comparison, allowed)) &&
      sources.every((source) => isSourceEqual(source, allowed)),
    allowed,
    comparisons,
    sources,
  };
}

export function reportText({ comparisons, sources, allowed }: ReconcileReport): string {
  const summary = reconcileSummary(comparisons, allowed);
  return sources.length === 0 ? summary : `${summary}\n\n${sourceSummary(sources, allowed)}`;
}

/** Returns `{"equal": …, "streams": {"customers": {"equal": …, "source": {…}}}}`. */
export function reportJson(report: ReconcileReport): string {
  const { comparisons, sources, allowed } = report;
  const streams: Record<string, Readonly<Record<string, unknown>>> = {};
  for (const comparison of comparisons) streams[comparison.stream] = reconcileJson(comparison, allowed);
  for (const source of sources)
    streams[source.stream] = { ...streams[source.stream], source: sourceJson(source, allowed) };
  return JSON.stringify({ equal: report.isEqual, streams });
}
