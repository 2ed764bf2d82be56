import { isEqual, type Allowed, type StreamComparison } from '../operations/reconcile/comparison.ts';
import { reconcileJson, reconcileSummary } from '../operations/reconcile/reconcile-summary.ts';
import { reconcile } from '../operations/reconcile/reconcile.ts';
import { loadSettings } from '../core/settings/config.ts';
import { createCommand, exitCodes, runMain } from '../core/process.ts';
import type { SourceComparison } from '../operations/reconcile/source/compare-source.ts';
import {
  compareSourceLive,
  isSourceEqual,
  sourceJson,
  sourceSpecs,
  sourceSummary,
} from '../operations/reconcile/source/reconcile-source.ts';
import { print } from '../core/terminal/terminal.ts';

interface Options {
  readonly streams?: string;
  readonly source?: true;
  readonly repair?: true;
  readonly allowDeadLetters?: true;
  readonly json?: true;
}

await runMain(async (signal) => {
  const options = createCommand(
    'reconcile',
    'Compares topics, tables and views key by key and version by version; exits with 1 if they differ.',
  )
    .option('--streams <a,b>', 'only these streams')
    .option('--source', "also reads ChartMogul's API and compares it with the topics")
    .option('--repair', 'repairs tables and views, only in the keys that differ')
    .option('--allow-dead-letters', 'pending dead letters are shown but are no difference')
    .option('--json', 'prints one JSON object')
    .addHelpText(
      'after',
      '\nExit codes: 0 equal, 1 different, with pending dead letters or not comparable,\n' +
        '2 wrong settings or arguments.',
    )
    .parse()
    .opts<Options>();
  const settings = loadSettings();
  const streams = options.streams?.split(',').map((name) => name.trim());
  // Rejects a wrong stream name before anything is compared.
  const specs = options.source === true ? sourceSpecs(settings, streams) : [];
  const comparisons = await reconcile(settings, { streams, isRepair: options.repair === true }, signal);
  const sources = specs.length > 0 ? await compareSourceLive(settings, specs, signal) : [];
  const allowed = { deadLetters: options.allowDeadLetters === true };
  const found = { comparisons, sources };
  print(`${options.json === true ? jsonOf(found, allowed) : textOf(found, allowed)}\n`);
  return areEqual(found, allowed) ? exitCodes.done : exitCodes.someWorkFailed;
});

interface Found {
  readonly comparisons: readonly StreamComparison[];
  readonly sources: readonly SourceComparison[];
}

function areEqual({ comparisons, sources }: Found, allowed: Allowed): boolean {
  return (
    comparisons.every((comparison) => isEqual(comparison, allowed)) &&
    sources.every((source) => isSourceEqual(source, allowed))
  );
}

function textOf({ comparisons, sources }: Found, allowed: Allowed): string {
  const summary = reconcileSummary(comparisons, allowed);
  return sources.length === 0 ? summary : `${summary}\n\n${sourceSummary(sources, allowed)}`;
}

/**
 * Returns `{"equal": …, "streams": {"customers": {"equal": …, "source": {…}}}}`. The parents of a
 * stream may have only a source.
 */
function jsonOf(found: Found, allowed: Allowed): string {
  const streams: Record<string, Readonly<Record<string, unknown>>> = {};
  for (const comparison of found.comparisons) streams[comparison.stream] = reconcileJson(comparison, allowed);
  for (const source of found.sources)
    streams[source.stream] = { ...streams[source.stream], source: sourceJson(source, allowed) };
  return JSON.stringify({ equal: areEqual(found, allowed), streams });
}
