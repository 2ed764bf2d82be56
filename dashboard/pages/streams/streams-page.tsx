import { EmptyState } from '../shared/states.tsx';
import type { PageComponent } from '../shell/page-list.ts';

export const StreamsPage: PageComponent = () => (
  <EmptyState title="Streams">This page is not built yet.</EmptyState>
);
