import { dataSourceOf } from './data-source.ts';
import { day } from './instant.ts';
import { perRevision, type Key } from './key.ts';
import {
  daysToChange,
  daysToReturn,
  firstPlan,
  firstSeats,
  freeFrom,
  lifetimeOf,
  neverLeaves,
  pathOf,
  paysAtFirst,
  seatsAfter,
} from './life.ts';
import { findPlan, monthlyPrice, nextTier, periodEndAfter, type Plan } from './plan.ts';
import type { World } from './world.ts';

/** Something that happened to a subscription, and what it is from then on. */
export interface Move extends Key {
  readonly kind: 'start' | 'update' | 'cancel' | 'restart';
  readonly at: number;
  readonly plan: Plan;
  readonly quantity: number;
  /** Monthly recurring revenue from here on, in cents of the account's currency. */
  readonly mrr: number;
}

/** Room for the moves of one subscription before the first revision. */
const perSubscription = 16;

/**
 * Returns the moves of a member's subscription, oldest first.
 *
 * @param index 0 for a member's first subscription.
 * @param discount share of the price, from 0 to 1.
 */
export function movesOf(world: World, member: number, index: number, discount: number): readonly Move[] {
  const history = new History(world, member, index, discount);
  if (index > 0) history.addSecond();
  else {
    history.addFirst();
    for (const revision of world.changesOf(member, 'billing')) history.addRevision(revision);
  }
  return history.moves;
}

/** Writes moves. Nearly all work of a simulator starts here, so it makes no other objects. */
class History {
  readonly moves: Move[] = [];
  readonly #world: World;
  readonly #member: number;
  readonly #index: number;
  readonly #discount: number;

  constructor(world: World, member: number, index: number, discount: number) {
    this.#world = world;
    this.#member = member;
    this.#index = index;
    this.#discount = discount;
  }

  /** Adds all that happened to the first subscription before the first revision. */
  addFirst(): void {
    const [world, member] = [this.#world, this.#member];
    const isOld = world.bornIn(member) === 0;
    const pays = paysAtFirst(world, member);
    const at = world.signedUpAt(member);
    if (pathOf(world, member) === 'free' && (isOld || !pays)) {
      const plan = findPlan(dataSourceOf(world, member), 0, 'Monthly');
      this.#add('start', this.#ordinal(), pays ? freeFrom(world, member, at) : at, plan, 1);
    }
    if (!pays) return;
    this.#purchase(this.#ordinal(), at);
    if (isOld) this.#live();
  }

  /** Adds all that happened to a second subscription, which few have. */
  addSecond(): void {
    const [world, member] = [this.#world, this.#member];
    if (member === neverLeaves || !world.random.chance('second', 0.12, member)) return;
    if (world.bornIn(member) > 0 || !paysAtFirst(world, member)) return;
    const at = world.signedUpAt(member) + world.random.integer('second.wait', 20, 200, member) * day;
    if (at >= world.firstNow - day) return;
    this.#purchase(this.#ordinal(), at);
    this.#live();
  }

  /** Adds what a revision that changes the member's billing does. */
  addRevision(revision: number): void {
    const { random } = this.#world;
    const ordinal = revision * perRevision;
    const at = this.#world.momentIn(revision, this.#member);
    const last = this.moves.at(-1);
    if (last === undefined) {
      if (random.chance('lead.converts', 0.6, this.#member, revision)) this.#purchase(ordinal, at);
    } else if (last.kind === 'cancel') this.#add('restart', ordinal, at, last.plan, last.quantity);
    else if (last.plan.tier === 0) this.#purchase(ordinal, at);
    else if (random.chance('leaves', 0.2, this.#member, ordinal))
      this.#add('cancel', ordinal, at, last.plan, last.quantity);
    else this.#update(last, ordinal, at);
  }

  /** Adds changes, the end and the return of a subscription, from its last move on. */
  #live(): void {
    const [world, member] = [this.#world, this.#member];
    const end = world.firstNow - day;
    let last = this.moves.at(-1);
    let ending = last === undefined ? 0 : this.#endingOf(last, end);
    while (last !== undefined && this.moves.length < perSubscription) {
      const ordinal = this.#ordinal();
      if (last.kind === 'cancel') {
        const at = last.at + Math.floor(daysToReturn(world, member, ordinal) * day);
        if (at >= end) return;
        last = this.#add('restart', ordinal, at, last.plan, last.quantity);
        ending = this.#endingOf(last, end);
      } else {
        const at = Math.min(last.at + Math.floor(daysToChange(world, member, ordinal) * day), ending);
        if (at >= end) return;
        last =
          at === ending
            ? this.#add('cancel', ordinal, at, last.plan, last.quantity)
            : this.#update(last, ordinal, at);
      }
    }
  }

  /** Returns when a subscription that starts with a move ends: at the end of a paid period. */
  #endingOf({ ordinal, plan, at }: Move, limit: number): number {
    const days = lifetimeOf(this.#world, plan, this.#member, ordinal);
    return at + days * day >= limit ? Infinity : periodEndAfter(plan, at, days);
  }

  #purchase(ordinal: number, at: number): void {
    const quantity = firstSeats(this.#world, this.#member, this.#index);
    const plan = firstPlan(this.#world, this.#member, this.#index, quantity);
    this.#add(this.moves.length > 0 ? 'update' : 'start', ordinal, at, plan, quantity);
  }

  /** Adds an upgrade or downgrade of the plan, or of the seats. */
  #update({ plan, quantity }: Move, ordinal: number, at: number): Move {
    const [world, member] = [this.#world, this.#member];
    const grows = world.random.chance('grows', 0.72, member, ordinal);
    if (world.random.chance('plan.changes', 0.2, member, ordinal)) {
      const next = nextTier(plan, grows ? 1 : -1);
      if (next !== plan) return this.#add('update', ordinal, at, next, quantity);
    }
    const seats = seatsAfter(world, quantity, grows, member, ordinal);
    return this.#add('update', ordinal, at, plan, seats);
  }

  #add(kind: Move['kind'], ordinal: number, at: number, plan: Plan, quantity: number): Move {
    const isOver = kind === 'cancel';
    const mrr = isOver ? 0 : Math.round(monthlyPrice(plan) * quantity * (1 - this.#discount));
    const move = { member: this.#member, ordinal, kind, at, plan, quantity, mrr };
    this.moves.push(move);
    return move;
  }

  /** Returns the ordinal of the next move. */
  #ordinal(): number {
    return this.#index * perSubscription + this.moves.length;
  }
}
