import { Imported } from './imported.ts';
import { addMonths, day } from './instant.ts';
import { revisionOf, type Key } from './key.ts';
import { Random } from './random.ts';

/** The options that determine every record of the account. */
export interface WorldOptions {
  readonly seed: number;
  /**
   * The end of the history at revision 0: midnight in UTC, in ms since 1970. The history began
   * three years earlier.
   */
  readonly today: number;
  /** Number of customers at revision 0. */
  readonly customers: number;
  /** Number of revisions since the start. */
  readonly revision: number;
  /**
   * Share of members that change from one revision to the next. A quarter as many members are
   * added.
   */
  readonly changes: number;
  /** Share of members, and of their records, that vanish from one revision to the next. */
  readonly deletes: number;
  /** Whether responses have undeclared fields and values of other types from revision 1 on. */
  readonly drift: boolean;
  /** Whether some ended subscriptions have a fractional `mrr`. */
  readonly floatMrr: boolean;
}

/** A part of a member that a revision may change. */
export type Change = 'profile' | 'billing' | 'crm';

const changeKinds: readonly Change[] = ['profile', 'profile', 'billing', 'billing', 'crm'];

const years = 3;

/**
 * A member that is merged from the beginning for any seed. Both halves have the same external_id.
 */
export const mergedFromTheStart = 7;

/**
 * The account at one revision. Every generated record is a pure function of the options. A *member*
 * is a customer in one data source, numbered from 0 in order of sign-up. A customer has one member,
 * or two after a merge.
 */
export class World {
  readonly options: WorldOptions;
  readonly revision: number;
  /** Whether responses have undeclared fields and values of other types at this revision. */
  readonly isDrifting: boolean;
  readonly random: Random;
  readonly currency = 'USD';
  readonly currencySign = '$';
  /** The imported records, which are the same at every revision. */
  readonly imported: Imported;
  /** The time at which the account was opened. */
  readonly opened: number;
  /** The end of the history that existed at revision 0. */
  readonly firstNow: number;
  /** Seats of the largest team, which grows with the number of customers. */
  readonly largestTeam: number;
  readonly #firstMembers: number;
  readonly #newPerRevision: number;

  constructor(options: WorldOptions, imported?: Imported) {
    this.options = options;
    this.revision = options.revision;
    this.isDrifting = options.drift && options.revision > 0;
    this.random = new Random(options.seed);
    const currency = { currency: this.currency, 'currency-sign': this.currencySign };
    this.imported = imported ?? new Imported(this.random, currency);
    this.firstNow = options.today;
    this.opened = addMonths(options.today, -12 * years);
    let members = 0;
    for (let seen = 0; seen < options.customers; members++) if (!this.#mergesAtFirst(members)) seen++;
    this.#firstMembers = members;
    this.largestTeam = Math.round(25 * Math.sqrt(Math.max(options.customers / 200, 1)));
    this.#newPerRevision = Math.ceil((options.customers * options.changes) / 4);
  }

  /** Returns the current time at a revision. Each revision advances it by one day. */
  nowAt(revision = this.revision): number {
    return this.firstNow + revision * day;
  }

  /**
   * Returns whether the member was merged from the beginning. `mergedFromTheStart` is the only such
   * member up to number 10.
   */
  isMergedAtFirst(member: number): boolean {
    return this.bornIn(member) === 0 && this.#mergesAtFirst(member);
  }

  #mergesAtFirst(member: number): boolean {
    if (member % 2 === 0) return false;
    return member === mergedFromTheStart || (member > 10 && this.random.chance('merge.first', 0.03, member));
  }

  /**
   * Returns the number of members that have signed up by a revision, including those that have
   * left.
   */
  members(revision = this.revision): number {
    return this.#firstMembers + revision * this.#newPerRevision;
  }

  /** Returns the revision in which a member signed up. */
  bornIn(member: number): number {
    const late = member - this.#firstMembers;
    return late < 0 ? 0 : Math.floor(late / this.#newPerRevision) + 1;
  }

  /**
   * Returns the time of a member's sign-up, which may also be the time of the first payment.
   * Members sign up in the order of their numbers, more of them every year, and mostly in spring
   * and autumn.
   */
  signedUpAt(member: number): number {
    const born = this.bornIn(member);
    if (born > 0) return this.momentIn(born, member);
    const progress = ((member + 0.5) / this.#firstMembers) ** 0.6;
    // Slopes that add up to less than 1 preserve the order of members.
    const season = wave(progress, 2 * years, 0.4) + wave(progress, 17, 0.25);
    return Math.floor(this.opened + (this.firstNow - day - this.opened) * (progress - season));
  }

  /**
   * Returns the time of a member's change in a revision. These times follow the order of members.
   */
  momentIn(revision: number, member: number): number {
    return Math.floor(this.nowAt(revision - 1) + ((member + 0.5) / this.members(revision)) * day);
  }

  /**
   * Returns the time at which a user created a record: after the sign-up, or in a later revision.
   */
  writtenAt(key: Key): number {
    const revision = revisionOf(key);
    if (revision !== undefined) return this.momentIn(revision, key.member) + (key.ordinal % 64);
    const start = this.signedUpAt(key.member);
    const next = key.member + 1 < this.#firstMembers ? this.signedUpAt(key.member + 1) : this.firstNow;
    const gap = this.bornIn(key.member) === 0 ? next - start : 64;
    return start + Math.floor((gap * (key.ordinal + 1)) / 65);
  }

  /** Returns when a record was imported. The history is imported in the hours before revision 0. */
  importedAt(key: Key): number {
    const revision = revisionOf(key) ?? this.bornIn(key.member);
    if (revision > 0) return this.momentIn(revision, key.member) + (key.ordinal % 64);
    const place = (key.member + (key.ordinal + 1) / 65) / this.#firstMembers;
    return Math.floor(this.firstNow - (1 - place) * (day / 4));
  }

  changeIn(revision: number, member: number): Change | undefined {
    if (revision <= this.bornIn(member) || revision > this.revision) return undefined;
    if (!this.random.chance('change', this.options.changes, member, revision)) return undefined;
    return this.random.pick('change.kind', changeKinds, member, revision);
  }

  /** Returns the revisions that changed a member in this way, oldest first. */
  changesOf(member: number, kind: Change): number[] {
    const revisions: number[] = [];
    for (let revision = this.bornIn(member) + 1; revision <= this.revision; revision++) {
      if (this.changeIn(revision, member) === kind) revisions.push(revision);
    }
    return revisions;
  }

  /** Returns the revision in which a record vanished; undefined if it still exists. */
  vanishedIn(label: string, key: Key): number | undefined {
    if (this.options.deletes === 0) return undefined;
    const first = (revisionOf(key) ?? this.bornIn(key.member)) + 1;
    for (let revision = first; revision <= this.revision; revision++) {
      if (this.random.chance(label, this.options.deletes, key.member, key.ordinal, revision)) return revision;
    }
    return undefined;
  }
}

/**
 * Returns a sine wave with the given number of cycles between 0 and 1 and the given maximum slope.
 * It is 0 at both ends.
 */
function wave(at: number, cycles: number, slope: number): number {
  const turns = 2 * Math.PI * cycles;
  return (slope * Math.sin(turns * at)) / turns;
}
