import { EmptyState } from '../shared/states.tsx';
import type { PageComponent } from '../shell/page-list.ts';

export const ReconcilePage: PageComponent = () => (
  <EmptyState title="Reconcile">This page is not built yet.</EmptyState>
);
