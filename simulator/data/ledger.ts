import { dataSourceOf } from './data-source.ts';
import { day } from './instant.ts';
import { perRevision, type Key } from './key.ts';
import { membersOf } from './merge.ts';
import { monthlyPrice, periodEnd, planInTier, plans, type Plan } from './plan.ts';
import type { World } from './world.ts';

/** Something that happened to a subscription, and what it is from then on. */
export interface Move extends Key {
  readonly kind: 'start' | 'update' | 'cancel' | 'restart';
  readonly at: number;
  readonly plan: Plan;
  readonly quantity: number;
  /** Monthly recurring revenue in cents from here on. */
  readonly mrr: number;
}

export interface Subscription {
  readonly member: number;
  /** 0 for a member's first. */
  readonly index: number;
  /** Share of the price, from 0 to 1. */
  readonly discount: number;
  /** Never empty, oldest first. */
  readonly moves: readonly Move[];
}

/** The bill for one period of a subscription. */
export interface Invoice extends Key {
  readonly subscription: Subscription;
  /** The state of the subscription that is paid for. */
  readonly move: Move;
  readonly from: number;
  readonly to: number;
}

/** Its seats make any sum of money outgrow 32 bits. */
const whale = 0;
/** A lead at any seed. */
const alwaysLead = 3;

const remembered = new WeakMap<World, { member: number; subscriptions: readonly Subscription[] }>();

/** Returns all subscriptions that a member ever had, from which all its billing records follow. */
export function subscriptionsOf(world: World, member: number): readonly Subscription[] {
  const last = remembered.get(world);
  if (last?.member === member) return last.subscriptions;
  const subscriptions = [0, 1].flatMap((index) => {
    const moves = movesOf(world, member, index);
    return moves.length === 0 ? [] : { member, index, discount: discountOf(world, member, index), moves };
  });
  remembered.set(world, { member, subscriptions });
  return subscriptions;
}

/** Returns the subscriptions of all members of a customer. */
export function subscriptionsUnder(world: World, holder: number): Subscription[] {
  return membersOf(world, holder).flatMap((member) => subscriptionsOf(world, member));
}

/** Returns the last move: what the subscription is now. */
export function stateOf(subscription: Subscription): Move {
  const last = subscription.moves.at(-1);
  if (last === undefined) throw new RangeError('a subscription without a move');
  return last;
}

export function isActive(subscription: Subscription): boolean {
  return stateOf(subscription).kind !== 'cancel';
}

/** Returns the price of a plan's interval with these seats and this discount, in cents. */
export function priceOf(subscription: Subscription, move: Move): number {
  return Math.round(move.plan.price * move.quantity * (1 - subscription.discount));
}

/** Returns the end of the paid period that holds the present moment, or of the subscription. */
export function endOf(world: World, subscription: Subscription): number {
  const state = stateOf(subscription);
  if (state.kind === 'cancel') return state.at;
  const now = world.nowAt();
  let periods = 1;
  while (periodEnd(state.plan, state.at, periods) <= now) periods++;
  return periodEnd(state.plan, state.at, periods);
}

function discountOf(world: World, member: number, index: number): number {
  return member === whale ? 0 : world.random.pick('discount', [0, 0, 0, 0, 0.1, 0.2], member, index);
}

function movesOf(world: World, member: number, index: number): Move[] {
  const moves = baseMoves(world, member, index);
  if (index > 0) return moves;
  for (const revision of world.changesOf(member, 'billing')) {
    const at = world.momentIn(revision, member);
    const ordinal = revision * perRevision;
    const last = moves.at(-1);
    if (last !== undefined) moves.push(nextMove(world, last, at, ordinal));
    else if (world.random.chance('lead.converts', 0.6, member, revision)) {
      moves.push(firstMove(world, member, index, at, ordinal));
    }
  }
  return moves;
}

/** Returns the moves that existed when the member was first seen. */
function baseMoves(world: World, member: number, index: number): Move[] {
  const { random } = world;
  if (member === alwaysLead || (member !== whale && random.chance('lead', 0.27, member))) return [];
  if (index > 0 && (member === whale || !random.chance('second', 0.12, member))) return [];
  const isOld = world.bornIn(member) === 0;
  const end = isOld ? world.firstNow - day : world.nowAt(world.bornIn(member));
  const start =
    world.signedUpAt(member) + (index > 0 ? random.integer('second.wait', 20, 200, member) * day : 0);
  if (start >= end) return [];
  const moves = [firstMove(world, member, index, start, index * 16)];
  if (member === whale || !isOld) return moves;
  let at = start;
  for (let step = 1; step < 8; step++) {
    const last = moves.at(-1);
    // A wait of 1 to 17 months, more often short: few never return, and few come back.
    at += Math.floor((30 + 500 * random.share('wait', member, index, step) ** 2) * day);
    if (last === undefined || at >= end) break;
    if (last.kind === 'cancel' && !random.chance('returns', 0.25, member, index, step)) break;
    moves.push(nextMove(world, last, at, index * 16 + step));
  }
  return moves;
}

function firstMove(world: World, member: number, index: number, at: number, ordinal: number): Move {
  const { random } = world;
  const source = dataSourceOf(world, member);
  const tier = random.pick('tier', [0, 0, 0, 0, 1, 1, 1, 2, 2, 3], member, index);
  const interval = random.pick('interval', [0, 0, 0, 0, 1, 2, 2, 2, 2, 3], member, index);
  const drawn = plans.find((plan) => plan.source === source && plan.tier === tier);
  const plan = plans[(drawn?.index ?? 0) + interval];
  if (plan === undefined) throw new RangeError(`no plan in tier ${tier}`);
  const start = { member, ordinal, kind: 'start', at } as const;
  if (member === whale) return withMrr(world, { ...start, plan: planInTier(plan, 4), quantity: 1800 }, index);
  return withMrr(world, { ...start, plan, quantity: random.integer('seats', 1, 4, member, index) }, index);
}

function nextMove(world: World, last: Move, at: number, ordinal: number): Move {
  const { random } = world;
  const index = ordinal < perRevision && ordinal >= 16 ? 1 : 0;
  const again = (kind: Move['kind'], plan: Plan, quantity: number) =>
    withMrr(world, { member: last.member, ordinal, kind, at, plan, quantity }, index);
  if (last.kind === 'cancel') return again('restart', last.plan, last.quantity);
  const turn = random.share('turn', last.member, ordinal);
  if (turn < 0.4) return { ...again('cancel', last.plan, last.quantity), mrr: 0 };
  const step = turn < 0.8 ? 1 : -1;
  const byPlan = planInTier(last.plan, last.plan.tier + step);
  if (byPlan !== last.plan && random.chance('turn.plan', 0.4, last.member, ordinal))
    return again('update', byPlan, last.quantity);
  const seats = last.quantity + step * random.integer('turn.seats', 1, 3, last.member, ordinal);
  return again('update', last.plan, seats < 1 ? last.quantity + 1 : seats);
}

function withMrr(world: World, move: Omit<Move, 'mrr'>, index: number): Move {
  const discount = discountOf(world, move.member, index);
  return { ...move, mrr: Math.round(monthlyPrice(move.plan) * move.quantity * (1 - discount)) };
}
