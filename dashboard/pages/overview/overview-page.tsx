import { EmptyState, Skeleton } from '../shared/states.tsx';
import { useOverview } from '../shared/live-overview.ts';
import { Ago } from '../shared/time.tsx';
import type { PageComponent } from '../shell/page-list.ts';
import { AttentionList } from './attention-list.tsx';
import { FlowDiagram } from './flow-diagram.tsx';
import { StreamTable } from './stream-table.tsx';

export const OverviewPage: PageComponent = () => {
  const live = useOverview();
  const { overview } = live;
  return (
    <div class="overview">
      <header class="page-head">
        <h1>Overview</h1>
        {overview !== undefined && (
          <p class="quiet">
            Updated <Ago ms={overview.atMs} />
          </p>
        )}
      </header>
      {overview === undefined ? (
        <LoadingOverview />
      ) : (
        <div class="stack">
          <AttentionList overview={overview} />
          <FlowDiagram live={{ ...live, overview }} />
          {overview.streams.length > 0 ? (
            <StreamTable live={{ ...live, overview }} />
          ) : (
            <NoStreams isKnown={!overview.attention.some(({ severity }) => severity === 'failure')} />
          )}
        </div>
      )}
    </div>
  );
};

/** @param isKnown whether every service has responded. */
function NoStreams({ isKnown }: { readonly isKnown: boolean }) {
  if (!isKnown)
    return (
      <EmptyState title="No stream is known yet">
        Streams appear as soon as Kafka or ClickHouse responds.
      </EmptyState>
    );
  return (
    <section class="card">
      <EmptyState title="Nothing has been produced yet" icon="streams">
        <ol class="steps">
          <li>
            <code>npm run ping</code> checks the ChartMogul key and the services.
          </li>
          <li>
            <code>npm run produce</code> copies ChartMogul to Kafka.
          </li>
          <li>
            <code>npm run sink</code> copies Kafka to ClickHouse.
          </li>
        </ol>
      </EmptyState>
    </section>
  );
}

function LoadingOverview() {
  return (
    <div class="stack" aria-busy="true">
      <div class="card loading-card">
        <Skeleton lines={1} />
      </div>
      <div class="card loading-card">
        <Skeleton lines={3} />
      </div>
      <div class="card loading-card">
        <Skeleton lines={8} />
      </div>
    </div>
  );
}
