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

/** A change to a subscription, and its state from then on. */
export interface Move extends Key {
  readonly kind: 'start' | 'update' | 'cancel' | 'restart';
  readonly at: number;
  readonly plan: Plan;
  readonly quantity: number;
  /** Monthly recurring revenue after the move, in cents of the account's currency. */
  readonly mrr: number;
}

/** The maximum number of moves of one subscription before the first revision. */
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

/**
 * Generates moves. Nearly all of the simulator's work starts here, so this class creates hardly any
 * objects besides the moves.
 */
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

  /** Adds all moves of the first subscription before the first revision. */
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

  /** Adds all moves of a second subscription, which few members have. */
  addSecond(): void {
    const [world, member] = [this.#world, this.#member];
    if (member === neverLeaves || !world.random.chance('second', 0.12, member)) return;
    if (world.bornIn(member) > 0 || !paysAtFirst(world, member)) return;
    const at = world.signedUpAt(member) + world.random.integer('second.wait', 20, 200, member) * day;
    if (at >= world.firstNow - day) return;
    this.#purchase(this.#ordinal(), at);
    this.#live();
  }

  /** Adds the move, if any, of a revision that changes the member's billing. */
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

  /** Adds the updates, cancellations and restarts of a subscription after its last move. */
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

  /**
   * Returns the time at which a subscription that starts with this move ends, always the end of a
   * paid period. Returns Infinity if it does not end before the limit.
   */
  #endingOf({ ordinal, plan, at }: Move, limit: number): number {
    const days = lifetimeOf(this.#world, plan, this.#member, ordinal);
    return at + days * day >= limit ? Infinity : periodEndAfter(plan, at, days);
  }

  #purchase(ordinal: number, at: number): void {
    const quantity = firstSeats(this.#world, this.#member, this.#index);
    const plan = firstPlan(this.#world, this.#member, this.#index, quantity);
    this.#add(this.moves.length > 0 ? 'update' : 'start', ordinal, at, plan, quantity);
  }

  /** Adds an upgrade or downgrade of the plan or of the number of seats. */
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
