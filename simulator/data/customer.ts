import { customOf } from './custom.ts';
import { dataSourceOf, dataSourceUuid } from './data-source.ts';
import { day, inZone, milliseconds } from './instant.ts';
import { firstPaidMove, isActive, stateOf, subscriptionsOf, subscriptionsUnder } from './ledger.ts';
import { churnReason, pathOf, trialDays } from './life.ts';
import { holderOf, isHolder, membersOf, sharesExternalId } from './merge.ts';
import { revisionOf } from './key.ts';
import { keyOf, uuidOf } from './uuid.ts';
import type { Move } from './move.ts';
import { customerName, domainOf, emailOf } from './name.ts';
import { placeOf } from './place.ts';
import { people, tags } from './words.ts';
import type { Rendered } from './rendered.ts';
import type { World } from './world.ts';

const firstId = 100_000_019;

/** An existing customer: its members, and the time of its first payment. */
export interface Customer {
  readonly holder: number;
  readonly members: readonly number[];
  readonly since: number | undefined;
}

export function customerUuid(world: World, holder: number): string {
  return uuidOf(world.random, 'customer', { member: holder, ordinal: 0 });
}

export function holderByUuid(world: World, uuid: string): number | undefined {
  const member = keyOf(world.random, 'customer', uuid)?.member;
  return member !== undefined && isHolder(world, member) ? member : undefined;
}

export function externalIdOf(world: World, member: number): string {
  return `cus_${String(sharesExternalId(world, member) ? member - 1 : member).padStart(7, '0')}`;
}

export function membersByExternalId(world: World, externalId: string): number[] {
  const first = Number(/^cus_(\d{7,9})$/.exec(externalId)?.[1] ?? NaN);
  return [first, first + 1].filter(
    (member) => member < world.members() && externalIdOf(world, member) === externalId,
  );
}

export function customerId(holder: number): number {
  return firstId + 3 * holder;
}

export function holderById(id: number): number {
  return (id - firstId) / 3;
}

export function customerOf(world: World, holder: number): Customer {
  const starts = subscriptionsUnder(world, holder).map((own) => firstPaidMove(own)?.at ?? Infinity);
  const since = Math.min(...starts);
  return { holder, members: membersOf(world, holder), since: since === Infinity ? undefined : since };
}

/**
 * Yields the existing customers in the API's order: by the revision of their first payment, then
 * those that have never paid. A lead that starts to pay therefore changes its position. Starts
 * after `after`. Yields only customers with `status`, if given.
 */
export function* customersInOrder(world: World, after?: number, status?: string): Iterable<Customer> {
  const isLead = status === undefined ? undefined : leadStatuses.includes(status);
  const isWanted = (holder: number) => status === undefined || knownStatusOf(world, holder) === status;
  const last = after === undefined ? undefined : customerOf(world, after);
  const resumesAmongLeads = last !== undefined && last.since === undefined;
  if (!resumesAmongLeads && isLead !== true) {
    const first = last === undefined ? 0 : paidFrom(world, last);
    for (let revision = first; revision <= world.revision; revision++) {
      const start = last !== undefined && revision === first ? last.holder + 1 : 0;
      for (let holder = start; holder < world.members(revision); holder++) {
        if (!mayFirstPayIn(world, revision, holder)) continue;
        if (!isHolder(world, holder) || !isWanted(holder)) continue;
        const customer = customerOf(world, holder);
        if (customer.since !== undefined && paidFrom(world, customer) === revision) yield customer;
      }
    }
  }
  if (isLead === false) return;
  for (let holder = resumesAmongLeads ? last.holder + 1 : 0; holder < world.members(); holder++) {
    if (!isHolder(world, holder) || !isWanted(holder)) continue;
    const customer = customerOf(world, holder);
    if (customer.since === undefined) yield customer;
  }
}

/** Returns whether the first payment of a customer or its other half may belong to a revision. */
function mayFirstPayIn(world: World, revision: number, holder: number): boolean {
  const news = (member: number) =>
    world.bornIn(member) === revision || world.changeIn(revision, member) === 'billing';
  return news(holder) || news(holder + 1);
}

/** Returns the revision of the first payment. */
function paidFrom(world: World, { members, since }: Customer): number {
  for (const member of members) {
    const [subscription] = subscriptionsOf(world, member);
    const first = subscription && firstPaidMove(subscription);
    if (first !== undefined && first.at === since) return revisionOf(first) ?? world.bornIn(member);
  }
  return 0;
}

/**
 * Caches the status of each customer, so that later pages of a list that is filtered by status do
 * not compute it again.
 */
const knownStatuses = new WeakMap<World, (string | undefined)[]>();

function knownStatusOf(world: World, holder: number): string {
  const known = knownStatuses.get(world) ?? [];
  knownStatuses.set(world, known);
  const status = known[holder];
  if (status !== undefined) return status;
  const customer = customerOf(world, holder);
  return (known[holder] = statusOf(world, customer, mrrOf(world, holder)));
}

/** Statuses of customers that have never paid. */
const leadStatuses = ['New Lead', 'Working Lead', 'Qualified Lead', 'Unqualified Lead'];

function statusOf(world: World, { holder, since }: Customer, mrr: number): string {
  if (since === undefined) {
    const version = world.changesOf(holder, 'billing').length;
    return world.random.pick('status', leadStatuses, holder, version);
  }
  if (mrr === 0) return 'Cancelled';
  return world.random.chance('past_due', 0.04, holder) ? 'Past Due' : 'Active';
}

/** Returns the total MRR of a customer's active subscriptions, in cents. */
function mrrOf(world: World, holder: number): number {
  return subscriptionsUnder(world, holder)
    .filter(isActive)
    .reduce((sum, subscription) => sum + stateOf(subscription).mrr, 0);
}

export function attributesOf(world: World, holder: number): Rendered {
  const version = world.changesOf(holder, 'profile').length;
  const chosen = tags.filter((_, index) =>
    world.random.chance('tag', holder < 2 ? 0.7 : 0.12, holder, index, version),
  );
  return {
    tags: holder === 1 ? [...chosen, null] : chosen,
    stripe: dataSourceOf(world, holder).index === 0 ? { uid: holder, 'coupon-code': null } : {},
    custom: customOf(world, holder, version, leavingOf(world, holder)),
  };
}

/** Returns the reason why a customer left; undefined if the customer pays or never paid. */
function leavingOf(world: World, holder: number): string | undefined {
  let last: Move | undefined;
  for (const subscription of subscriptionsUnder(world, holder)) {
    const state = stateOf(subscription);
    if (state.mrr > 0) return undefined;
    const isNewer = last === undefined || state.at > last.at;
    if (state.kind === 'cancel' && isNewer && firstPaidMove(subscription) !== undefined) last = state;
  }
  return last && churnReason(world, last.member, last.ordinal);
}

export function renderCustomer(world: World, customer: Customer, isSingle = false): Rendered {
  const { holder, members, since } = customer;
  const { random } = world;
  const mrr = mrrOf(world, holder);
  const name = customerName(world, holder);
  const place = placeOf(world, holder);
  const isLocated = random.chance('located', 0.92, holder);
  const source = dataSourceOf(world, holder);
  const sources = members.map((member) => dataSourceUuid(world, dataSourceOf(world, member)));
  const signedUp = world.signedUpAt(holder);
  const hasTrial = pathOf(world, holder) === 'trial';
  const firstMet = signedUp - (hasTrial ? trialDays : 0) * day;
  const startsAsLead = since === undefined || random.chance('lead_created', 0.4, holder);
  const version = world.changesOf(holder, 'profile').length;
  return {
    id: customerId(holder),
    uuid: customerUuid(world, holder),
    external_id: externalIdOf(world, holder),
    name,
    email: emailOf(world, holder),
    status: statusOf(world, customer, mrr),
    'customer-since': since === undefined ? null : inZone(since),
    attributes: attributesOf(world, holder),
    data_source_uuid: sources[0],
    data_source_uuids: [...new Set(sources)],
    external_ids: members.map((member) => externalIdOf(world, member)),
    company: random.chance('company', 0.5, holder) ? name : '',
    country: isLocated ? place.code : null,
    state: isLocated ? place.state : null,
    city: isLocated ? place.city : random.pick('city.none', ['', null], holder),
    zip: isLocated ? place.zip : null,
    lead_created_at: startsAsLead
      ? milliseconds(firstMet - random.integer('lead.days', 0, 20, holder) * day)
      : null,
    free_trial_started_at: hasTrial ? milliseconds(firstMet) : null,
    address: {
      country: isLocated ? place.country : null,
      state: isLocated ? place.stateName : null,
      city: isLocated ? place.city : null,
      address_zip: isLocated ? place.zip : null,
    },
    mrr,
    arr: mrr * 12,
    'billing-system-url': source.automatic ? `https://billing.example/customers/${holder}` : null,
    'chartmogul-url': `https://app.chartmogul.com/#/customers/${customerId(holder)}-${encodeURIComponent(name.replaceAll(' ', '_'))}`,
    'billing-system-type': source.system ?? 'Import API',
    currency: world.currency,
    'currency-sign': world.currencySign,
    owner: random.chance('owner', 0.4, holder) ? random.pick('owner.who', people, holder, version) : null,
    ...((isSingle || random.chance('website', 0.5, holder)) && {
      website_url: random.chance('website.has', 0.6, holder) ? `https://${domainOf(world, holder)}/` : null,
    }),
    ...(world.isDrifting && driftOf(world, holder)),
  };
}

function driftOf(world: World, holder: number): object {
  return {
    'health-score': world.random.integer('drift.health', 0, 100, holder),
    segment: world.random.pick('drift.segment', ['smb', 'mid', null], holder),
    risk: { level: world.random.pick('drift.risk', ['low', 'high'], holder), 'reviewed-by': null },
  };
}

/**
 * Returns the ids by which other records refer to a member's customer; undefined if it was deleted.
 */
export function referenceTo(world: World, member: number): { uuid: string; externalId: string } | undefined {
  const holder = holderOf(world, member);
  if (holder === undefined) return undefined;
  return { uuid: customerUuid(world, holder), externalId: externalIdOf(world, member) };
}
