import { hour, milliseconds } from './instant.ts';
import type { Invoice } from './ledger.ts';
import { perInvoice, totalOf } from './line-item.ts';
import { uuidOf } from './uuid.ts';
import type { World } from './world.ts';

/** `after` is the number of hours after the invoice. */
const paid = { type: 'payment', result: 'successful', after: 1 };
const failed = { type: 'payment', result: 'failed', after: 0.1 };
const failedAgain = { ...failed, after: 72 };
const paidLate = { ...paid, after: 96 };
const refunded = { type: 'refund', result: 'successful', after: 200 };

const histories = [
  ...Array.from({ length: 52 }, () => [paid]),
  ...[
    [failed, paid],
    [failed, paidLate],
    [failed, failedAgain, paidLate],
  ],
  ...[[failed], [failed, failedAgain], []],
  ...[
    [paid, refunded],
    [paid, refunded],
  ],
];

function historyOf(world: World, { member, ordinal }: Invoice) {
  return world.random.pick('transactions', histories, member, ordinal);
}

/** Returns whether the invoice was paid, even if the payment was refunded later. */
export function isPaid(world: World, invoice: Invoice): boolean {
  return historyOf(world, invoice).some(({ type, result }) => type === 'payment' && result === 'successful');
}

export function renderTransactions(world: World, invoice: Invoice, withEdits: boolean): object[] {
  const { member, ordinal } = invoice;
  const history = historyOf(world, invoice);
  const amount = world.random.chance('transaction.amount', 0.7, member) ? totalOf(world, invoice) : null;
  return history.map(({ type, result, after }, index) => ({
    uuid: uuidOf(world.random, 'transaction', { member, ordinal: ordinal * perInvoice + index }),
    external_id: index === 0 ? `tr_${member}_${ordinal}` : null,
    type,
    date: milliseconds(invoice.from + after * hour),
    result,
    amount_in_cents: amount,
    transaction_fees_in_cents: amount === null ? null : Math.round(amount * 0.029) + 30,
    transaction_fees_currency: amount === null ? null : invoice.subscription.currency.code,
    errors: world.random.pick('transaction.errors', [{}, null], member, ordinal, index),
    disabled: false,
    disabled_at: null,
    disabled_by: null,
    user_created: false,
    ...(withEdits && { edit_history_summary: {} }),
  }));
}
