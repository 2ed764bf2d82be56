import { dataSourceOf, dataSourceUuid } from './data-source.ts';
import { inZone, milliseconds } from './instant.ts';
import { endOf, isActive, stateOf, type Subscription } from './ledger.ts';
import { planUuid } from './plan.ts';
import { uuidOf } from './uuid.ts';
import type { Rendered } from './rendered.ts';
import type { World } from './world.ts';

const firstId = 5_300_000_000;

export function subscriptionExternalId({ member, index }: Subscription): string {
  return `sub_${String(member).padStart(7, '0')}_${index}`;
}

export function setExternalIdOf(world: World, { member, index }: Subscription): string | undefined {
  const isInSet = world.random.chance('set', 0.2, member, index);
  return isInSet ? `set_${String(member).padStart(7, '0')}` : undefined;
}

export function importSubscriptionUuid(world: World, { member, index }: Subscription): string {
  return uuidOf(world.random, 'import_subscription', { member, ordinal: index });
}

export function renderSubscription(world: World, subscription: Subscription): Rendered {
  const { member, index } = subscription;
  const state = stateOf(subscription);
  const mrr = isActive(subscription) ? state.mrr : lastMrr(world, subscription);
  return {
    id: firstId + member * 4 + index,
    external_id: subscriptionExternalId(subscription),
    subscription_set_external_id: setExternalIdOf(world, subscription) ?? null,
    quantity: state.quantity,
    uuid: uuidOf(world.random, 'subscription', { member, ordinal: index }),
    mrr,
    arr: Number.isInteger(mrr) ? mrr * 12 : Math.round(mrr * 12 * 100) / 100,
    status: isActive(subscription) ? 'active' : 'inactive',
    plan: state.plan.name,
    'billing-cycle': state.plan.intervalUnit,
    'billing-cycle-count': state.plan.intervalCount,
    'start-date': inZone(subscription.moves[0]?.at ?? state.at),
    'end-date': inZone(endOf(world, subscription)),
    currency: world.currency,
    'currency-sign': world.currencySign,
    ...(world.isDrifting && { 'trial-end': null, auto_renew: isActive(subscription) }),
  };
}

/**
 * Returns the MRR of a subscription before it ended. With `floatMrr`, some rows have fractions of a
 * cent.
 */
function lastMrr(world: World, { member, index, moves }: Subscription): number {
  const worth = moves.findLast((move) => move.mrr > 0)?.mrr ?? 0;
  const isFloat = worth > 0 && world.options.floatMrr && world.random.chance('mrr.float', 0.2, member, index);
  return isFloat ? worth + 0.610_930_209_98 : worth;
}

/**
 * Renders a subscription for the import API. Only the external_id links it to the same subscription
 * in `renderSubscription`.
 */
export function renderImported(world: World, subscription: Subscription): Rendered {
  const set = setExternalIdOf(world, subscription);
  const cancels = subscription.moves.filter(({ kind }) => kind === 'cancel');
  return {
    uuid: importSubscriptionUuid(world, subscription),
    external_id: subscriptionExternalId(subscription),
    ...(set !== undefined && { subscription_set_external_id: set }),
    plan_uuid: planUuid(world, stateOf(subscription).plan),
    data_source_uuid: dataSourceUuid(world, dataSourceOf(world, subscription.member)),
    cancellation_dates: cancels.map(({ at }) => milliseconds(at)),
  };
}
