import type { LargeMovement, MrrAnswer, MrrMonth } from '../../api/mrr.ts';
import { Badge } from '../shared/badge.tsx';
import { numberText } from '../shared/format.ts';
import { moneyText, signedMoney } from '../shared/money.ts';
import { SqlLink } from '../shared/sql-link.tsx';
import { Table, type Column } from '../shared/table.tsx';
import { monthText, rateText } from './headlines.ts';

type Report = Extract<MrrAnswer, { state: 'ready' }>;

const types: Readonly<Record<string, string>> = {
  new_biz: 'new business',
  expansion: 'expansion',
  contraction: 'contraction',
  churn: 'churn',
  reactivation: 'reactivation',
};

/** The largest movements in the seven days up to the latest movement. */
export function LargestMovements({ report }: { readonly report: Report }) {
  const { largest, currency, sql } = report;
  const columns: Column<LargeMovement>[] = [
    {
      head: 'Customer',
      of: ({ customer, customerUuid }) => customer || customerUuid || '–',
      sortBy: ({ customer }) => customer,
    },
    {
      head: 'Movement',
      align: 'end',
      of: ({ movement }) => (
        <span class={`number ${movement < 0 ? 'bad' : 'good'}`}>{signedMoney(movement, currency)}</span>
      ),
      sortBy: ({ movement }) => movement,
    },
    {
      head: 'Type',
      of: ({ type, movement }) => <Badge tone={movement < 0 ? 'bad' : 'good'}>{types[type] ?? type}</Badge>,
      sortBy: ({ type }) => type,
    },
    {
      head: 'MRR afterwards',
      align: 'end',
      of: ({ mrr }) => (mrr === null ? '–' : moneyText(mrr, currency)),
      sortBy: ({ mrr }) => mrr ?? 0,
    },
    { head: 'Plan', of: ({ plan }) => plan || '–', sortBy: ({ plan }) => plan },
    { head: 'Date', align: 'end', of: ({ date }) => date.slice(0, 16), sortBy: ({ date }) => date },
  ];
  return (
    <section class="card">
      <div class="card-head">
        <h2>
          Largest movements <span class="quiet">in the seven days up to the latest movement</span>
        </h2>
        <SqlLink sql={sql.largest} about="the largest movements" />
      </div>
      <Table
        caption="Largest movements"
        columns={columns}
        rows={largest}
        keyOf={({ customerUuid, date, movement }, index) => `${customerUuid} ${date} ${movement} ${index}`}
      />
    </section>
  );
}

/** The figures of each month, for readers who cannot use the charts. */
export function MonthTable({ report }: { readonly report: Report }) {
  const { months, currency } = report;
  const money = (head: string, of: (month: MrrMonth) => number | null): Column<MrrMonth> => ({
    head,
    align: 'end',
    of: (month) => textOr(of(month), (cents) => moneyText(cents, currency)),
  });
  const rate = (head: string, of: (month: MrrMonth) => number | null): Column<MrrMonth> => ({
    head,
    align: 'end',
    of: (month) => textOr(of(month), rateText),
  });
  const columns: Column<MrrMonth>[] = [
    { head: 'Month', of: ({ month }) => monthText(month) },
    money('MRR', ({ closingMrr }) => closingMrr),
    money('New business', ({ newBusiness }) => newBusiness),
    money('Expansion', ({ expansion }) => expansion),
    money('Reactivation', ({ reactivation }) => reactivation),
    money('Contraction', ({ contraction }) => contraction),
    money('Churn', ({ churn }) => churn),
    { head: 'Customers', align: 'end', of: ({ customers }) => numberText(customers) },
    money('ARPA', ({ arpa }) => arpa),
    rate('Customer churn', ({ customerChurnRate }) => customerChurnRate),
    rate('Net MRR churn', ({ mrrChurnRate }) => mrrChurnRate),
  ];
  return (
    <details class="card">
      <summary>All figures by month</summary>
      <Table
        caption="All figures by month"
        columns={columns}
        rows={months.toReversed()}
        keyOf={({ month }) => month}
        narrow="scroll"
      />
    </details>
  );
}

function textOr(value: number | null, text: (value: number) => string): string {
  return value === null ? '–' : text(value);
}
