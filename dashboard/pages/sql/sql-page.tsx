import { EmptyState } from '../shared/states.tsx';
import type { PageComponent } from '../shell/page-list.ts';

export const SqlPage: PageComponent = () => <EmptyState title="SQL">This page is not built yet.</EmptyState>;
