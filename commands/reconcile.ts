import { isEqual, type StreamComparison } from '../consumers/reconcile/comparison.ts';
import { reconcileJson, reconcileSummary } from '../consumers/reconcile/reconcile-summary.ts';
import { reconcile } from '../consumers/reconcile/reconcile.ts';
import { loadSettings } from '../core/config.ts';
import { createCommand, exitCodes, runMain } from '../core/process.ts';
import type { SourceComparison } from '../producers/compare-source.ts';
import {
  compareSourceLive,
  isSourceEqual,
  sourceJson,
  sourceSpecs,
  sourceSummary,
} from './reconcile-source.ts';

interface Options {
  readonly streams?: string;
  readonly source?: true;
  readonly repair?: true;
  readonly json?: true;
}

await runMain(async (signal) => {
  const options = createCommand(
    'reconcile',
    'Proves that topics, tables and views agree, key by key and version by version; ends with 1 where they do not.',
  )
    .option('--streams <a,b>', 'only these streams')
    .option('--source', "also reads ChartMogul's API again and compares it with the topics")
    .option('--repair', 'makes tables and views agree with the topics, in exactly the keys that differ')
    .option('--json', 'all of it as one object')
    .parse()
    .opts<Options>();
  const settings = loadSettings();
  const streams = options.streams?.split(',').map((name) => name.trim());
  // Before anything is compared: a wrong name stops all.
  const specs = options.source === true ? sourceSpecs(settings, streams) : [];
  const comparisons = await reconcile(settings, { streams, isRepair: options.repair === true }, signal);
  const sources = specs.length > 0 ? await compareSourceLive(settings, specs, signal) : [];
  const texts = [reconcileSummary(comparisons), ...(sources.length > 0 ? [sourceSummary(sources)] : [])];
  const answer = options.json === true ? jsonOf(comparisons, sources) : texts.join('\n\n');
  process.stdout.write(`${answer}\n`);
  const areEqual = comparisons.every(isEqual) && sources.every(isSourceEqual);
  return areEqual ? exitCodes.done : exitCodes.someWorkFailed;
});

/** `{"equal": …, "streams": {"customers": {"equal": …, "source": {…}}}}`; the parents of a stream may have a source alone. */
function jsonOf(comparisons: readonly StreamComparison[], sources: readonly SourceComparison[]): string {
  const streams: Record<string, Readonly<Record<string, unknown>>> = {};
  for (const comparison of comparisons) streams[comparison.stream] = reconcileJson(comparison);
  for (const source of sources)
    streams[source.stream] = { ...streams[source.stream], source: sourceJson(source) };
  const equal = comparisons.every(isEqual) && sources.every(isSourceEqual);
  return JSON.stringify({ equal, streams });
}
