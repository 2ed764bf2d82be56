import { referenceTo } from './customer.ts';
import { dataSourceOf, dataSourceUuid } from './data-source.ts';
import { addMonths, day, milliseconds } from './instant.ts';
import { perRevision, type Key } from './key.ts';
import { subscriptionsOf, type Invoice, type Subscription } from './ledger.ts';
import { renderLineItems } from './line-item.ts';
import { periodEnd } from './plan.ts';
import { isPaid, renderTransactions } from './transaction.ts';
import { uuidOf } from './uuid.ts';
import type { Rendered } from './rendered.ts';
import type { World } from './world.ts';

/** The maximum number of initial invoices of a subscription: half of a member's 64 ordinals. */
const perSubscription = 32;

/** Which hidden rows a list shows, and whether it shows edits. */
export interface InvoiceSwitches {
  readonly validationType: 'valid' | 'invalid' | 'all';
  readonly withDisabled: boolean;
  readonly withEdits: boolean;
}

export const everyInvoice: InvoiceSwitches = { validationType: 'all', withDisabled: true, withEdits: false };

export function invoicesOf(world: World, member: number): Invoice[] {
  if (referenceTo(world, member) === undefined) return [];
  return subscriptionsOf(world, member)
    .flatMap((subscription) => [...baseInvoices(world, subscription), ...laterInvoices(subscription)])
    .sort((left, right) => left.ordinal - right.ordinal)
    .filter((invoice) => world.vanishedIn('invoice.vanishes', invoice) === undefined);
}

function baseInvoices(world: World, subscription: Subscription): Invoice[] {
  const moves = subscription.moves.filter(({ ordinal }) => ordinal < perRevision);
  // Older invoices were not migrated to ChartMogul.
  const oldest = addMonths(world.firstNow, -24);
  const invoices: Invoice[] = [];
  for (const [index, begin] of moves.entries()) {
    // The free plan has no invoices.
    const isBegin = begin.kind !== 'update' || moves[index - 1]?.mrr === 0;
    if (begin.mrr === 0 || !isBegin) continue;
    const cancel = moves.slice(index).find(({ kind }) => kind === 'cancel');
    const last = world.bornIn(begin.member) === 0 ? world.firstNow - day : begin.at + 1;
    const end = Math.min(cancel?.at ?? Infinity, last);
    for (let period = 0, from = begin.at; from < end; period++) {
      const to = periodEnd(begin.plan, begin.at, period + 1);
      const move = moves.findLast(({ at }) => at <= from) ?? begin;
      const ordinal = subscription.index * perSubscription + invoices.length;
      if (from >= oldest && invoices.length < perSubscription)
        invoices.push({ member: begin.member, ordinal, subscription, move, from, to });
      from = to;
    }
  }
  return invoices;
}

/** Returns an invoice for every move made in a revision, if the subscription then has an MRR. */
function laterInvoices(subscription: Subscription): Invoice[] {
  return subscription.moves
    .filter(({ ordinal, mrr }) => ordinal >= perRevision && mrr > 0)
    .map((move) => {
      const { member, ordinal, at } = move;
      return { member, ordinal, subscription, move, from: at, to: periodEnd(move.plan, at, 1) };
    });
}

function isInvalid(world: World, { member, ordinal }: Key): boolean {
  return world.random.chance('invoice.invalid', 0.03, member, ordinal);
}

/** Returns whether an invoice is disabled. A billing change may disable an old invoice. */
export function isDisabled(world: World, { member, ordinal }: Key): boolean {
  if (!dataSourceOf(world, member).automatic) return false;
  const changes = world.changesOf(member, 'billing').length;
  return world.random.chance('invoice.disabled', 0.02 * (1 + changes), member, ordinal);
}

/** Returns whether a list or lookup with these switches shows the invoice. */
export function isShown(world: World, invoice: Key, switches: InvoiceSwitches): boolean {
  if (!switches.withDisabled && isDisabled(world, invoice)) return false;
  const { validationType } = switches;
  return validationType === 'all' || (validationType === 'invalid') === isInvalid(world, invoice);
}

function errorsOf(world: World, key: Key): object | null {
  if (isInvalid(world, key))
    return { currency: ["doesn't match the plan's"], line_items: ['overlap', 'gap'] };
  return world.random.chance('invoice.errors.null', 0.1, key.member, key.ordinal) ? null : {};
}

/** Returns the status of an invoice; null if it may still be paid. */
function statusOf(world: World, invoice: Invoice): string | null {
  if (world.random.chance('invoice.void', 0.01, invoice.member, invoice.ordinal)) return 'voided';
  if (isPaid(world, invoice)) return 'paid';
  return invoice.from < world.firstNow - 90 * day ? 'written_off' : null;
}

/**
 * @param isNested whether the invoice is in a customer's import list, which identifies the customer
 * at the top level.
 */
export function renderInvoice(
  world: World,
  invoice: Invoice,
  switches: InvoiceSwitches,
  isNested = false,
): Rendered {
  const { random } = world;
  const { member, ordinal } = invoice;
  const customer = referenceTo(world, member);
  const disabled = isDisabled(world, invoice);
  const isDue = random.chance('invoice.due', 0.6, member, ordinal);
  return {
    uuid: uuidOf(random, 'invoice', invoice),
    external_id: `inv_${String(member).padStart(7, '0')}_${ordinal}`,
    date: milliseconds(invoice.from),
    due_date: isDue ? milliseconds(invoice.from + 14 * day) : null,
    currency: invoice.subscription.currency.code,
    ...(!isNested && { customer_uuid: customer?.uuid }),
    customer_external_id: customer?.externalId ?? null,
    data_source_uuid: dataSourceUuid(world, dataSourceOf(world, member)),
    collection_method: random.pick('invoice.collection', [null, null, 'manual'], member, ordinal),
    status: statusOf(world, invoice),
    errors: errorsOf(world, invoice),
    disabled,
    disabled_at: disabled ? milliseconds(world.importedAt(invoice)) : null,
    disabled_by: disabled ? 'sara@example.com' : null,
    user_created: random.chance('invoice.by_user', 0.05, member, ordinal),
    ...(switches.withEdits && { edit_history_summary: editsOf(world, invoice) }),
    line_items: renderLineItems(world, invoice, switches.withEdits),
    transactions: renderTransactions(world, invoice, switches.withEdits),
  };
}

function editsOf(world: World, invoice: Invoice): object {
  if (!world.random.chance('invoice.edited', 0.1, invoice.member, invoice.ordinal)) return {};
  return {
    values_changed: { currency: { original_value: 'EUR', edited_value: invoice.subscription.currency.code } },
    latest_edit_author: 'Sara (sara@example.com)',
    latest_edit_performed_at: milliseconds(world.importedAt(invoice)),
  };
}
