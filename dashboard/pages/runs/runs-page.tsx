import type { PageComponent } from '../shell/page-list.ts';
import { RunDetail } from './run-detail.tsx';
import { RunList } from './run-list.tsx';

export const RunsPage: PageComponent = ({ route }) =>
  route.argument === '' ? (
    <RunList metric={route.query.get('show') ?? ''} isOnlyProblems={route.query.get('only') === 'problems'} />
  ) : (
    <RunDetail key={route.argument} run={route.argument} />
  );
