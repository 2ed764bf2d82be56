import assert from 'node:assert/strict';
import { isEqual, type StreamComparison } from '../../operations/reconcile/comparison.ts';
import { reconcile } from '../../operations/reconcile/reconcile.ts';
import { reconcileSummary } from '../../operations/reconcile/reconcile-summary.ts';
import type { Settings } from '../../core/settings/config.ts';
import { noSignal } from './settings.ts';

/** Tests check dead letters separately. */
const letters = { deadLetters: true };

/** The comparison of one stream in this process, after a repair if requested. */
export async function comparisonOf(
  settings: Settings,
  stream: string,
  { isRepair = false } = {},
): Promise<StreamComparison> {
  const [comparison] = await reconcile(settings, { streams: [stream], isRepair }, noSignal);
  assert.ok(comparison);
  return comparison;
}

/**
 * Topics, tables and views of these streams, or of all, agree.
 *
 * @param except what a test leaves different on purpose: only the counts of these differences may
 * be above zero, and must be as given.
 */
export async function assertReconciled(
  settings: Settings,
  streams?: readonly string[],
  except: Readonly<Record<string, Partial<StreamComparison['counts']>>> = {},
): Promise<void> {
  const comparisons = await reconcile(settings, { streams, isRepair: false }, noSignal);
  for (const comparison of comparisons) {
    const { stream, counts } = comparison;
    const wanted = except[stream];
    if (wanted === undefined) {
      assert.ok(isEqual(comparison, letters), reconcileSummary([comparison], letters));
      continue;
    }
    const none = { missing: 0, stray: 0, older: 0, other: 0, twice: 0 };
    assert.deepEqual(counts, { ...none, ...wanted }, reconcileSummary([comparison], letters));
    assert.ok(isEqual({ ...comparison, counts: none }, letters), reconcileSummary([comparison], letters));
  }
}
