import type { About } from '../../api.ts';
import { useApi } from '../shared/use-api.ts';
import { ErrorState, Skeleton } from '../shared/states.tsx';
import type { PageComponent } from '../shell/page-list.ts';

export const OverviewPage: PageComponent = () => {
  const about = useApi<About>('/api/about');
  if (about.error !== undefined) return <ErrorState error={about.error} onRetry={about.reload} />;
  if (about.data === undefined) return <Skeleton lines={3} />;
  return <p>{about.data.database}</p>;
};
