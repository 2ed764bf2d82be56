import { EmptyState } from '../shared/states.tsx';
import type { PageComponent } from '../shell/page-list.ts';

export const RunsPage: PageComponent = () => (
  <EmptyState title="Runs">This page is not built yet.</EmptyState>
);
