import type { MrrMonth } from '../../api/mrr.ts';
import { moneyText, shortMoney, signedMoney } from '../shared/money.ts';
import { numberText } from '../shared/format.ts';

/** A figure of the latest month, with its change from the previous month. */
export interface Headline {
  readonly name: string;
  readonly figure: string;
  /** The figure with all digits; `figure` may be shortened. */
  readonly exact: string;
  /** Undefined unless this month and the previous month have the figure. */
  readonly change: string | undefined;
  readonly tone: 'good' | 'bad' | 'plain';
}

/** @param months in ascending order, at least one. */
export function headlinesOf(months: readonly MrrMonth[], currency: string): Headline[] {
  const latest = months.at(-1);
  const before = months.at(-2);
  if (latest === undefined) return [];
  const net = (month: MrrMonth) => month.closingMrr - month.openingMrr;
  const money = (name: string, of: (month: MrrMonth) => number | null): Headline => ({
    name,
    figure: textOr(of(latest), (cents) =>
      (Math.abs(cents) < 10_000_000 ? moneyText : shortMoney)(cents, currency),
    ),
    exact: textOr(of(latest), (cents) => moneyText(cents, currency)),
    ...changeOf(of(latest), before && of(before), (cents) => signedMoney(cents, currency)),
  });
  const rate = (name: string, of: (month: MrrMonth) => number | null): Headline => {
    const change = changeOf(of(latest), before && of(before), (points) => `${signed(points, 2)} points`);
    const tone = { good: 'bad', bad: 'good', plain: 'plain' } as const;
    const figure = textOr(of(latest), rateText);
    // More churn is worse.
    return { name, figure, exact: figure, change: change.change, tone: tone[change.tone] };
  };
  const customers = numberText(latest.customers);
  return [
    money('MRR', ({ closingMrr }) => closingMrr),
    money('Net new MRR', net),
    {
      name: 'Customers',
      figure: customers,
      exact: customers,
      ...changeOf(latest.customers, before?.customers, (count) => signed(count, 0)),
    },
    money('ARPA', ({ arpa }) => arpa),
    rate('Customer churn', ({ customerChurnRate }) => customerChurnRate),
    rate('Net MRR churn', ({ mrrChurnRate }) => mrrChurnRate),
  ];
}

export function rateText(percent: number): string {
  return `${percent.toFixed(2)} %`;
}

/** Returns `March 2026`, or `Mar 26` if it must be short. */
export function monthText(month: string, isShort = false): string {
  const format = new Intl.DateTimeFormat('en-US', {
    month: isShort ? 'short' : 'long',
    year: isShort ? '2-digit' : 'numeric',
    timeZone: 'UTC',
  });
  const time = new Date(`${month}T00:00:00Z`);
  return Number.isNaN(time.getTime()) ? month : format.format(time);
}

function changeOf(
  latest: number | null,
  before: number | null | undefined,
  text: (change: number) => string,
): Pick<Headline, 'change' | 'tone'> {
  if (latest === null || before === null || before === undefined) return { change: undefined, tone: 'plain' };
  const change = latest - before;
  if (change === 0) return { change: 'unchanged', tone: 'plain' };
  return { change: text(change), tone: change > 0 ? 'good' : 'bad' };
}

function signed(value: number, digits: number): string {
  return `${value > 0 ? '+' : ''}${value.toFixed(digits)}`;
}

function textOr(value: number | null, text: (value: number) => string): string {
  return value === null ? '–' : text(value);
}
