import type { Key } from './key.ts';
import { neverLeaves } from './life.ts';
import { membersOf } from './merge.ts';
import { movesOf, type Move } from './move.ts';
import { currencyOf, type Currency } from './place.ts';
import { periodEnd } from './plan.ts';
import type { World } from './world.ts';

export interface Subscription {
  readonly member: number;
  /** 0 for the member's first subscription. */
  readonly index: number;
  /** The discount as a share of the price, from 0 to 1. */
  readonly discount: number;
  /** The currency of the subscription's bills. */
  readonly currency: Currency;
  /** Never empty, oldest first. */
  readonly moves: readonly Move[];
}

/** The bill for one period of a subscription. */
export interface Invoice extends Key {
  readonly subscription: Subscription;
  /** The state of the subscription that the invoice bills. */
  readonly move: Move;
  readonly from: number;
  readonly to: number;
}

const discounts = [0, 0, 0, 0, 0, 0, 0, 0.1, 0.1, 0.2];

const remembered = new WeakMap<World, { member: number; subscriptions: readonly Subscription[] }>();

/** Returns all subscriptions that a member has ever had. They determine all its billing records. */
export function subscriptionsOf(world: World, member: number): readonly Subscription[] {
  const last = remembered.get(world);
  if (last?.member === member) return last.subscriptions;
  const subscriptions: Subscription[] = [];
  for (let index = 0; index < 2; index++) {
    const discount = discountOf(world, member, index);
    const moves = movesOf(world, member, index, discount);
    if (moves.length > 0)
      subscriptions.push({ member, index, discount, currency: currencyOf(world, member), moves });
  }
  remembered.set(world, { member, subscriptions });
  return subscriptions;
}

/** Returns the subscriptions of all members of a customer. */
export function subscriptionsUnder(world: World, holder: number): Subscription[] {
  return membersOf(world, holder).flatMap((member) => subscriptionsOf(world, member));
}

/** Returns the last move, which defines the current state of the subscription. */
export function stateOf(subscription: Subscription): Move {
  const last = subscription.moves.at(-1);
  if (last === undefined) throw new RangeError('a subscription without a move');
  return last;
}

export function isActive(subscription: Subscription): boolean {
  return stateOf(subscription).kind !== 'cancel';
}

/** Returns the first move with an MRR above 0; undefined if there is none. */
export function firstPaidMove({ moves }: Subscription): Move | undefined {
  return moves.find(({ mrr }) => mrr > 0);
}

/** Returns the price of one interval after the discount, in cents of the bill's currency. */
export function priceOf({ discount, currency }: Subscription, { plan, quantity }: Move): number {
  return Math.round(plan.price * quantity * (1 - discount) * currency.rate);
}

/** Returns the end of the current paid period, or of the subscription. */
export function endOf(world: World, subscription: Subscription): number {
  const state = stateOf(subscription);
  if (state.kind === 'cancel') return state.at;
  const now = world.nowAt();
  let periods = 1;
  while (periodEnd(state.plan, state.at, periods) <= now) periods++;
  return periodEnd(state.plan, state.at, periods);
}

function discountOf(world: World, member: number, index: number): number {
  return member === neverLeaves ? 0 : world.random.pick('discount', discounts, member, index);
}
