import { customerUuid, externalIdOf } from './customer.ts';
import { dataSourceOf, dataSourceUuid } from './data-source.ts';
import { inZone } from './instant.ts';
import type { Key } from './key.ts';
import { subscriptionsUnder, type Subscription } from './ledger.ts';
import { isHolder } from './merge.ts';
import type { Move } from './move.ts';
import { customerName } from './name.ts';
import type { Rendered } from './rendered.ts';
import { setExternalIdOf, subscriptionExternalId } from './subscription.ts';
import { uuidOf } from './uuid.ts';
import type { World } from './world.ts';

export const activityTypes = ['new_biz', 'reactivation', 'expansion', 'contraction', 'churn'] as const;

export type ActivityType = (typeof activityTypes)[number];

/** The change that a move made to its customer's MRR. It has the key of the move. */
export interface Activity extends Key {
  readonly holder: number;
  readonly at: number;
  readonly type: ActivityType;
  /** The customer's MRR after the move, in cents, over all subscriptions. */
  readonly mrr: number;
  readonly movement: number;
  readonly subscription: Subscription;
  readonly move: Move;
}

const firstId = 4_300_000_000;

/**
 * Returns a customer's activities in chronological order. Their movements add up to the customer's
 * MRR.
 */
export function activitiesOf(world: World, holder: number): Activity[] {
  if (!isHolder(world, holder)) return [];
  const steps = subscriptionsUnder(world, holder)
    .flatMap((subscription) =>
      subscription.moves.map((move, index) => ({
        subscription,
        move,
        movement: move.mrr - (subscription.moves[index - 1]?.mrr ?? 0),
      })),
    )
    .sort((left, right) => left.move.at - right.move.at);
  const activities: Activity[] = [];
  let mrr = 0;
  for (const { subscription, move, movement } of steps) {
    if (movement === 0) continue;
    const before = mrr;
    mrr += movement;
    const type = typeOf(before, movement, activities.length === 0);
    const { member, ordinal, at } = move;
    activities.push({ member, ordinal, holder, at, type, mrr, movement, subscription, move });
  }
  return activities;
}

function typeOf(before: number, movement: number, isFirst: boolean): ActivityType {
  if (before === 0) return isFirst ? 'new_biz' : 'reactivation';
  if (before + movement === 0) return 'churn';
  return movement > 0 ? 'expansion' : 'contraction';
}

export function activityUuid(world: World, key: Key): string {
  return uuidOf(world.random, 'activity', key);
}

export function activityId({ member, ordinal }: Key): number {
  return firstId + member * 2 ** 16 + ordinal;
}

function describe({ type, move }: Activity): string {
  if (type === 'churn') return `cancelled the ${move.plan.name} plan`;
  if (type === 'new_biz' || type === 'reactivation')
    return `purchased the ${move.plan.name} plan (${move.quantity})`;
  return move.kind === 'update'
    ? `changed to ${move.quantity} × ${move.plan.name}`
    : 'changed its subscriptions';
}

function commonFields(world: World, activity: Activity) {
  return {
    description: describe(activity),
    'activity-mrr-movement': activity.movement,
    'activity-mrr': activity.mrr,
    'activity-arr': activity.mrr * 12,
    date: inZone(activity.at),
    type: activity.type,
    currency: world.currency,
    'subscription-external-id': subscriptionExternalId(activity.subscription),
  };
}

export function renderActivity(world: World, activity: Activity): Rendered {
  const { holder, subscription } = activity;
  return {
    ...commonFields(world, activity),
    'subscription-set-external-id': setExternalIdOf(world, subscription) ?? null,
    'plan-external-id': activity.move.plan.externalId,
    'customer-name': customerName(world, holder),
    'customer-uuid': customerUuid(world, holder),
    'customer-external-id': externalIdOf(world, holder),
    'billing-connector-uuid': dataSourceUuid(world, dataSourceOf(world, activity.member)),
    uuid: activityUuid(world, activity),
  };
}

/**
 * Renders an activity for `/customers/{uuid}/activities`. No field identifies the same activity in
 * `/activities`.
 */
export function renderCustomerActivity(world: World, activity: Activity): Rendered {
  return { id: activityId(activity), ...commonFields(world, activity), 'currency-sign': world.currencySign };
}
