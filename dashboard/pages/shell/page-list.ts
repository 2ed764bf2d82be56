import type { FunctionComponent } from 'preact';
import type { IconName } from '../shared/icon.tsx';
import type { Route } from './route.ts';

export type PageComponent = FunctionComponent<{ readonly route: Route }>;

export interface PageEntry {
  /** The first part of the hash; empty for the overview. */
  readonly page: string;
  readonly title: string;
  readonly icon: IconName;
  /** Loads the page when it is first shown. */
  readonly load: () => Promise<PageComponent>;
}

/** The pages in the order of the navigation. */
export const pageList: readonly PageEntry[] = [
  {
    page: '',
    title: 'Overview',
    icon: 'overview',
    load: async () => (await import('../overview/overview-page.tsx')).OverviewPage,
  },
  {
    page: 'runs',
    title: 'Runs',
    icon: 'runs',
    load: async () => (await import('../runs/runs-page.tsx')).RunsPage,
  },
  {
    page: 'streams',
    title: 'Streams',
    icon: 'streams',
    load: async () => (await import('../streams/streams-page.tsx')).StreamsPage,
  },
  { page: 'sql', title: 'SQL', icon: 'sql', load: async () => (await import('../sql/sql-page.tsx')).SqlPage },
  { page: 'mrr', title: 'MRR', icon: 'mrr', load: async () => (await import('../mrr/mrr-page.tsx')).MrrPage },
  {
    page: 'dead-letters',
    title: 'Dead letters',
    icon: 'deadLetters',
    load: async () => (await import('../dead-letters/dead-letters-page.tsx')).DeadLettersPage,
  },
  {
    page: 'reconcile',
    title: 'Reconcile',
    icon: 'reconcile',
    load: async () => (await import('../reconcile/reconcile-page.tsx')).ReconcilePage,
  },
];
