import type { Overview } from '../../api/overview.ts';
import { Icon } from '../shared/icon.tsx';
import { ProblemList } from '../shared/problem-list.tsx';

/**
 * Lists problems. If there are none, shows one quiet line, or nothing while there are no streams.
 */
export function AttentionList({ overview: { attention, streams } }: { readonly overview: Overview }) {
  if (attention.length === 0) {
    if (streams.length === 0) return null;
    return (
      <p class="card in-order">
        <Icon name="done" />
        <span>
          <strong>Nothing needs attention.</strong> No failures, no dead letters, no stale or stalled streams.
        </span>
      </p>
    );
  }
  return (
    <section class="card" aria-labelledby="attention-title">
      <header class="card-head">
        <h2 id="attention-title">Needs attention</h2>
        <span class="quiet">{attention.length}</span>
      </header>
      <ProblemList problems={attention} />
    </section>
  );
}
