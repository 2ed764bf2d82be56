import { EmptyState } from '../shared/states.tsx';
import type { PageComponent } from '../shell/page-list.ts';

export const MrrPage: PageComponent = () => <EmptyState title="MRR">This page is not built yet.</EmptyState>;
