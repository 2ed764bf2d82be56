import { useMemo } from 'preact/hooks';
import type { MrrAnswer, MrrMonth } from '../../api/mrr.ts';
import type { ChartData, ChartSeries } from '../shared/chart/chart-data.ts';
import { Chart } from '../shared/chart/chart.tsx';
import { numberText } from '../shared/format.ts';
import { moneyText, shortMoney } from '../shared/money.ts';
import { SqlLink } from '../shared/sql-link.tsx';
import { monthText, rateText } from './headlines.ts';

type Report = Extract<MrrAnswer, { state: 'ready' }>;

/** The movements in the order of the stack, from 0 outwards. */
const movements = [
  ['New business', 'newBusiness', '--chart-1'],
  ['Expansion', 'expansion', '--chart-2'],
  ['Reactivation', 'reactivation', '--chart-3'],
  ['Contraction', 'contraction', '--chart-4'],
  ['Churn', 'churn', '--chart-5'],
] as const;

export function MrrCharts({ report }: { readonly report: Report }) {
  const { months, currency, sql } = report;
  const charts = useMemo(() => {
    const one = (
      name: string,
      kind: ChartSeries['kind'],
      color: string,
      of: (month: MrrMonth) => number | null,
    ) => ({
      name,
      kind,
      color,
      values: months.map(of),
    });
    const base = {
      xs: months.map((_, at) => at),
      xKind: 'name',
      xText: (at: number) => monthText(months[at]?.month ?? '', true),
    } as const;
    const money = {
      ...base,
      valueText: (cents: number) => moneyText(cents, currency),
      axisText: (cents: number) => shortMoney(cents, currency),
    };
    const rates = { ...base, valueText: rateText, axisText: (percent: number) => `${percent} %` };
    const counts = {
      ...base,
      valueText: numberText,
      axisText: (count: number) => (Number.isInteger(count) ? numberText(count) : ''),
    };
    return {
      mrr: { ...money, series: [one('MRR', 'area', '--chart-1', ({ closingMrr }) => closingMrr)] },
      movements: {
        ...money,
        isStacked: true,
        series: [
          ...movements.map(([name, key, color]) => one(name, 'bar', color, (month) => month[key])),
          one('Net', 'line', '--chart-line', ({ closingMrr, openingMrr }) => closingMrr - openingMrr),
        ],
      },
      customers: { ...counts, series: [one('Customers', 'area', '--chart-2', ({ customers }) => customers)] },
      arpa: { ...money, series: [one('ARPA', 'line', '--chart-3', ({ arpa }) => arpa)] },
      churn: {
        ...rates,
        series: [
          one('Customers', 'line', '--chart-5', ({ customerChurnRate }) => customerChurnRate),
          one('Net MRR', 'line', '--chart-4', ({ mrrChurnRate }) => mrrChurnRate),
        ],
      },
    } satisfies Record<string, ChartData>;
  }, [months, currency]);
  return (
    <>
      <ChartCard title="MRR" sql={sql.mrr} data={charts.mrr} height={240} />
      <ChartCard title="MRR movements" sql={sql.mrr} data={charts.movements} height={240} />
      <div class="pair">
        <ChartCard title="Customers" sql={sql.customers} data={charts.customers} height={180} />
        <ChartCard title="ARPA" sql={sql.arpa} data={charts.arpa} height={180} />
      </div>
      <ChartCard title="Churn rates" sql={sql.churn} data={charts.churn} height={180} />
    </>
  );
}

interface ChartCardProps {
  readonly title: string;
  readonly sql: string;
  readonly data: ChartData;
  readonly height: number;
}

function ChartCard({ title, sql, data, height }: ChartCardProps) {
  return (
    <section class="card">
      <div class="card-head">
        <h2>{title}</h2>
        <SqlLink sql={sql} about={title} />
      </div>
      <Chart label={`${title} by month`} data={data} height={height} />
    </section>
  );
}
