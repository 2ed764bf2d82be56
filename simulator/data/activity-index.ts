import { activitiesOf, activityTypes, type Activity, type ActivityType } from './activity.ts';
import { second } from './instant.ts';
import type { Key } from './key.ts';
import { subscriptionsOf } from './ledger.ts';
import { holderOf } from './merge.ts';
import type { World } from './world.ts';

/**
 * The seconds since the account was opened and the place in customer order share the 53 bits of a
 * number.
 */
const placeRoom = 2 ** 26;

const indexes = new WeakMap<World, ActivityIndex>();

/**
 * Indexes every activity of the account in chronological order. No other list has an index, because
 * the order of every other list follows from the order of members. The index occupies 23 bytes per
 * activity and is built on first use.
 */
export class ActivityIndex {
  readonly #world: World;
  /** The second and the place of each activity, sorted. */
  readonly #order: Float64Array;
  // By place in customer order:
  readonly #members: Uint32Array;
  readonly #ordinals: Uint16Array;
  readonly #types: Uint8Array;
  readonly #movements: Float64Array;

  static of(world: World): ActivityIndex {
    let index = indexes.get(world);
    if (index === undefined) indexes.set(world, (index = new ActivityIndex(world)));
    return index;
  }

  private constructor(world: World) {
    this.#world = world;
    const order: number[] = [];
    const members: number[] = [];
    const ordinals: number[] = [];
    const types: number[] = [];
    const movements: number[] = [];
    for (let holder = 0; holder < world.members(); holder++) {
      for (const activity of activitiesOf(world, holder)) {
        order.push(this.#secondOf(activity.at) * placeRoom + order.length);
        members.push(activity.member);
        ordinals.push(activity.ordinal);
        types.push(activityTypes.indexOf(activity.type));
        movements.push(activity.movement);
      }
    }
    if (order.length > placeRoom)
      throw new RangeError(`${order.length} activities are more than an index can order`);
    this.#order = Float64Array.from(order);
    this.#members = Uint32Array.from(members);
    this.#ordinals = Uint16Array.from(ordinals);
    this.#types = Uint8Array.from(types);
    this.#movements = Float64Array.from(movements);
    this.#order.sort();
  }

  get size(): number {
    return this.#order.length;
  }

  /** Returns the first position that is not before an instant. */
  positionAt(at: number): number {
    const wanted = Math.max(this.#secondOf(at), 0) * placeRoom;
    let low = 0;
    let high = this.size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#order[middle] ?? Infinity) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * Returns the position of an activity; undefined if it never existed. If it has been removed,
   * returns the last position before its time.
   */
  positionOf(key: Key): number | undefined {
    const moves = subscriptionsOf(this.#world, key.member).flatMap((subscription) => subscription.moves);
    const move = moves.find(({ ordinal }) => ordinal === key.ordinal);
    if (move === undefined) return undefined;
    const start = this.positionAt(move.at);
    const end = this.positionAt(move.at + second);
    for (let position = start; position < end; position++) {
      const place = this.#placeAt(position);
      if (this.#members[place] === key.member && this.#ordinals[place] === key.ordinal) return position;
    }
    return start - 1;
  }

  activityAt(position: number): Activity {
    const place = this.#placeAt(position);
    const member = this.#members[place] ?? 0;
    const holder = holderOf(this.#world, member) ?? member;
    const activity = activitiesOf(this.#world, holder).find(
      (candidate) => candidate.member === member && candidate.ordinal === this.#ordinals[place],
    );
    if (activity === undefined) throw new RangeError(`no activity at position ${position}`);
    return activity;
  }

  momentAt(position: number): number {
    return this.#world.opened + Math.floor((this.#order[position] ?? 0) / placeRoom) * second;
  }

  typeAt(position: number): ActivityType {
    return activityTypes[this.#types[this.#placeAt(position)] ?? 0] ?? 'new_biz';
  }

  movementAt(position: number): number {
    return this.#movements[this.#placeAt(position)] ?? 0;
  }

  #placeAt(position: number): number {
    return (this.#order[position] ?? 0) % placeRoom;
  }

  #secondOf(at: number): number {
    return Math.floor((at - this.#world.opened) / second);
  }
}
