import { EmptyState } from '../shared/states.tsx';
import type { PageComponent } from '../shell/page-list.ts';

export const DeadLettersPage: PageComponent = () => (
  <EmptyState title="Dead letters">This page is not built yet.</EmptyState>
);
