import assert from 'node:assert/strict';
import { isEqual, type StreamComparison } from '../../operations/reconcile/comparison.ts';
import { reconcile } from '../../operations/reconcile/reconcile.ts';
import { reconcileSummary } from '../../operations/reconcile/reconcile-summary.ts';
import type { Settings } from '../../core/settings/config.ts';
import { noSignal } from './settings.ts';

/** Dead letters do not count as differences here: tests check them separately. */
const withDeadLetters = { deadLetters: true };

/** Compares one stream in this process, after a repair if requested. */
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
 * Asserts that the topics, tables and views of these streams, or of all streams, agree.
 *
 * @param except the differences that a test leaves on purpose, as exact counts by stream. All other
 * counts must be zero.
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
      assert.ok(isEqual(comparison, withDeadLetters), reconcileSummary([comparison], withDeadLetters));
      continue;
    }
    const none = { missing: 0, stray: 0, older: 0, other: 0, twice: 0 };
    assert.deepEqual(counts, { ...none, ...wanted }, reconcileSummary([comparison], withDeadLetters));
    assert.ok(
      isEqual({ ...comparison, counts: none }, withDeadLetters),
      reconcileSummary([comparison], withDeadLetters),
    );
  }
}
