import type { SettleJob } from '../../api/dead-letters.ts';
import { useJob } from '../shared/use-job.ts';
import type { PageComponent } from '../shell/page-list.ts';
import { DeadLetterPage } from './details.tsx';
import { DeadLetterListPage } from './list.tsx';

export const DeadLettersPage: PageComponent = ({ route }) => {
  const job = useJob<SettleJob>('/api/dead-letters/job', '/api/dead-letters/cancel', (state) => state);
  return route.argument === '' ? (
    <DeadLetterListPage route={route} job={job} />
  ) : (
    <DeadLetterPage id={route.argument} job={job} />
  );
};
