import { milliseconds } from './instant.ts';
import { priceOf, type Invoice } from './ledger.ts';
import { planUuid } from './plan.ts';
import { importSubscriptionUuid, setExternalIdOf, subscriptionExternalId } from './subscription.ts';
import { uuidOf } from './uuid.ts';
import type { World } from './world.ts';

/** The maximum number of nested rows of one kind in an invoice. */
export const perInvoice = 4;

function commonFields(world: World, { member, ordinal }: Invoice, index: number, withEdits: boolean) {
  const { isDrifting } = world;
  return {
    uuid: uuidOf(world.random, 'line_item', { member, ordinal: ordinal * perInvoice + index }),
    external_id: index === 0 ? `li_${member}_${ordinal}` : null,
    transaction_fees_in_cents: 0,
    transaction_fees_currency: null,
    discount_description: null,
    event_order: null,
    balance_transfer: null,
    errors: world.random.pick('line_item.errors', [{}, {}, null], member, ordinal, index),
    disabled: false,
    disabled_at: null,
    disabled_by: null,
    user_created: false,
    ...(withEdits && { edit_history_summary: {} }),
    ...(isDrifting && { 'revenue-category': index === 0 ? 'recurring' : 'other', margin: 0.8 }),
  };
}

export function renderLineItems(world: World, invoice: Invoice, withEdits: boolean): object[] {
  if (hasNoItems(world, invoice)) return [];
  const items = [subscriptionItem(world, invoice, withEdits)];
  return hasSetupFee(world, invoice) ? [...items, setupItem(world, invoice, withEdits)] : items;
}

/** Returns the total in cents of the invoice's currency. */
export function totalOf(world: World, invoice: Invoice): number {
  if (hasNoItems(world, invoice)) return 0;
  const fee = hasSetupFee(world, invoice) ? setupFeeOf(invoice) : 0;
  return priceOf(invoice.subscription, invoice.move) + taxOf(world, invoice) + fee;
}

function setupFeeOf({ subscription }: Invoice): number {
  return 9_900 * subscription.currency.rate;
}

function hasNoItems(world: World, { member, ordinal }: Invoice): boolean {
  return world.random.chance('invoice.empty', 0.005, member, ordinal);
}

function hasSetupFee(world: World, { member, ordinal }: Invoice): boolean {
  return ordinal % 32 === 0 && world.random.chance('setup', 0.1, member);
}

function taxOf(world: World, { member, subscription, move }: Invoice): number {
  return world.random.chance('taxed', 0.4, member) ? Math.round(priceOf(subscription, move) * 0.18) : 0;
}

function subscriptionItem(world: World, invoice: Invoice, withEdits: boolean): object {
  const { subscription, move } = invoice;
  const set = setExternalIdOf(world, subscription);
  const isProrated = move.kind === 'update';
  // A second spread in the same literal is ten times slower, and the simulator spends most of its
  // time here.
  return Object.assign(commonFields(world, invoice, 0, withEdits), {
    type: 'subscription',
    subscription_uuid: importSubscriptionUuid(world, subscription),
    subscription_external_id: subscriptionExternalId(subscription),
    ...(set !== undefined && { subscription_set_external_id: set }),
    prorated: isProrated,
    proration_type: isProrated ? 'full' : null,
    service_period_start: milliseconds(invoice.from),
    service_period_end: milliseconds(invoice.to),
    plan_uuid: planUuid(world, move.plan),
    plan_external_id: move.plan.externalId,
    amount_in_cents: priceOf(subscription, move) + taxOf(world, invoice),
    quantity: move.quantity,
    discount_code: subscription.discount > 0 ? `LESS${subscription.discount * 100}` : '',
    discount_amount_in_cents: Math.round(
      move.plan.price * move.quantity * subscription.discount * subscription.currency.rate,
    ),
    tax_amount_in_cents: taxOf(world, invoice),
    account_code: world.random.pick('account_code', ['', null, '4400'], invoice.member),
  });
}

function setupItem(world: World, invoice: Invoice, withEdits: boolean): object {
  return {
    ...commonFields(world, invoice, 1, withEdits),
    type: 'one_time',
    description: 'Setup fee, "once"\n(one hour, remote)',
    plan_uuid: null,
    plan_external_id: null,
    amount_in_cents: setupFeeOf(invoice),
    quantity: 1,
    discount_code: null,
    discount_amount_in_cents: 0,
    tax_amount_in_cents: 0,
    account_code: null,
  };
}
