import { referenceTo } from './customer.ts';
import { dataSourceOf, dataSourceUuid } from './data-source.ts';
import { day, seconds } from './instant.ts';
import type { Key } from './key.ts';
import { priceOf, subscriptionsOf, type Subscription } from './ledger.ts';
import type { Move } from './move.ts';
import { setExternalIdOf, subscriptionExternalId } from './subscription.ts';
import type { Rendered } from './rendered.ts';
import type { World } from './world.ts';

export interface SubscriptionEvent extends Key {
  readonly subscription: Subscription;
  readonly move: Move;
}

const types = {
  start: 'subscription_start',
  restart: 'subscription_start',
  update: 'subscription_updated',
  cancel: 'subscription_cancelled',
} as const;

const firstId = 4_400_000_000;
const ordinalRoom = 2 ** 16;

export function subscriptionEventsOf(world: World, member: number): SubscriptionEvent[] {
  if (referenceTo(world, member) === undefined) return [];
  return subscriptionsOf(world, member)
    .flatMap((subscription) =>
      subscription.moves.map((move) => ({ member, ordinal: move.ordinal, subscription, move })),
    )
    .sort((left, right) => left.ordinal - right.ordinal)
    .filter((event) => world.vanishedIn('event.vanishes', event) === undefined);
}

export function subscriptionEventId({ member, ordinal }: Key): number {
  return firstId + member * ordinalRoom + ordinal;
}

export function subscriptionEventKey(id: number): Key {
  const place = id - firstId;
  return { member: Math.floor(place / ordinalRoom), ordinal: place % ordinalRoom };
}

/**
 * Returns whether the event is disabled, and so hidden unless the query has `with_disabled=true`.
 */
export function isDisabledEvent(world: World, { member, ordinal }: Key): boolean {
  if (!dataSourceOf(world, member).automatic) return false;
  return world.random.chance('event.disabled', 0.02, member, ordinal);
}

export function renderSubscriptionEvent(world: World, event: SubscriptionEvent): Rendered {
  const { random } = world;
  const { member, ordinal, subscription, move } = event;
  const isCancel = move.kind === 'cancel';
  // Some clients write a blank field as "", others as null.
  const blank = random.chance('event.blank', 0.3, member, ordinal) ? '' : null;
  const isDisabled = isDisabledEvent(world, event);
  const created = world.importedAt(event);
  const isScheduled = isCancel && random.chance('event.scheduled', 0.3, member, ordinal);
  return {
    id: subscriptionEventId(event),
    data_source_uuid: dataSourceUuid(world, dataSourceOf(world, member)),
    customer_external_id: referenceTo(world, member)?.externalId,
    subscription_set_external_id: setExternalIdOf(world, subscription) ?? null,
    subscription_external_id: subscriptionExternalId(subscription),
    plan_external_id: move.plan.externalId,
    event_date: seconds(isScheduled ? move.at - 7 * day : move.at),
    effective_date: seconds(move.at),
    event_type: isScheduled ? 'subscription_cancellation_scheduled' : types[move.kind],
    external_id: `ev_${member}_${ordinal}`,
    errors: random.pick('event.errors', [{}, {}, {}, null], member, ordinal),
    created_at: seconds(created),
    updated_at: seconds(created),
    quantity: isCancel ? blank : move.quantity,
    currency: isCancel ? blank : subscription.currency.code,
    amount_in_cents: isCancel ? blank : priceOf(subscription, move),
    tax_amount_in_cents: isCancel ? blank : 0,
    event_order: random.chance('event.order', 0.2, member, ordinal) ? ordinal : null,
    retracted_event_id: null,
    disabled: isDisabled,
    disabled_at: isDisabled ? seconds(created) : null,
    disabled_by: isDisabled ? 'sara@example.com' : null,
  };
}
