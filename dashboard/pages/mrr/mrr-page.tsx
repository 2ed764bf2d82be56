import type { MrrAnswer } from '../../api/mrr.ts';
import { EmptyState, ErrorState, Prose, Skeleton } from '../shared/states.tsx';
import { useApi } from '../shared/use-api.ts';
import type { PageComponent } from '../shell/page-list.ts';
import { hrefOf } from '../shell/route.ts';
import { headlinesOf, monthText } from './headlines.ts';
import { MrrCharts } from './mrr-charts.tsx';
import { LargestMovements, MonthTable } from './mrr-tables.tsx';

const REFRESH_MS = 60_000;

const spans = [
  ['12', '12 months'],
  ['24', '24 months'],
  ['all', 'All'],
] as const;

export const MrrPage: PageComponent = ({ route }) => {
  const asked = route.query.get('months');
  const [months] = spans.find(([span]) => span === asked) ?? spans[0];
  const { data, error, reload } = useApi<MrrAnswer>(`/api/mrr?months=${months}`, { refreshMs: REFRESH_MS });
  return (
    <div class="mrr stack">
      <div class="page-head">
        <h1>MRR</h1>
        {data?.state === 'ready' && (
          <span class="quiet">
            {data.currency || 'no currency'}, months in {data.timeZone}
          </span>
        )}
        <nav class="segments" aria-label="Months">
          {spans.map(([span, name]) => (
            <a
              key={span}
              href={hrefOf('mrr', '', { months: span })}
              aria-current={span === months ? 'page' : undefined}
            >
              {name}
            </a>
          ))}
        </nav>
      </div>
      {error !== undefined && <ErrorState error={error} onRetry={reload} />}
      {data === undefined ? error === undefined && <Skeleton lines={8} /> : <Report answer={data} />}
    </div>
  );
};

function Report({ answer }: { readonly answer: MrrAnswer }) {
  if (answer.state !== 'ready') {
    const { title, remedy } = emptyState(answer);
    return (
      <EmptyState title={title} icon="mrr">
        <Prose>{remedy}</Prose>
      </EmptyState>
    );
  }
  const [latest, before] = answer.months.slice(-2).reverse();
  return (
    <>
      <section class="latest" aria-labelledby="latest">
        <h2 id="latest">
          {monthText(latest?.month ?? '')} so far
          {before !== undefined && <span class="quiet"> compared with {monthText(before.month)}</span>}
        </h2>
        <dl class="headlines">
          {headlinesOf(answer.months, answer.currency).map(({ name, figure, exact, change, tone }) => (
            <div key={name} class="headline card">
              <dt>{name}</dt>
              <dd class="figure number" title={exact}>
                {figure}
              </dd>
              {change !== undefined && (
                <dd class={`change number ${tone === 'plain' ? 'quiet' : tone}`}>{change}</dd>
              )}
            </div>
          ))}
        </dl>
      </section>
      <MrrCharts report={answer} />
      <LargestMovements report={answer} />
      <MonthTable report={answer} />
    </>
  );
}

function emptyState(answer: Exclude<MrrAnswer, { state: 'ready' }>): {
  readonly title: string;
  readonly remedy: string;
} {
  switch (answer.state) {
    case 'missing': {
      const streams = answer.streams.join(' and ');
      return {
        title: `MRR requires the stream${answer.streams.length > 1 ? 's' : ''} ${streams}`,
        remedy: `Run \`npm run produce -- --streams account,activities\`, then \`npm run sink\`.`,
      };
    }
    case 'unknown-zone':
      return {
        title: `ClickHouse does not support the account's time zone ${answer.timeZone}`,
        remedy:
          'Set an IANA time zone in ChartMogul, such as Europe/Berlin. Then run `npm run produce -- --streams account`, and restart `npm run sink`.',
      };
    case 'no-view':
      return {
        title: `ClickHouse has no view ${answer.views.join(' or ')}`,
        remedy:
          'Restart `npm run sink`, which creates missing views. `npm run status` shows why a view could not be created.',
      };
    case 'no-movements':
      return {
        title: 'No MRR movements yet',
        remedy: 'The stream activities has no movements. Run `npm run produce`, then `npm run sink`.',
      };
  }
}
