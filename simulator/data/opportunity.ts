import { crmKeys, editsOf } from './crm-keys.ts';
import { referenceTo } from './customer.ts';
import { date, day, milliseconds } from './instant.ts';
import type { Key } from './key.ts';
import { stateOf, subscriptionsOf } from './ledger.ts';
import { neverLeaves } from './life.ts';
import { currencyOf } from './place.ts';
import { uuidOf } from './uuid.ts';
import { people } from './words.ts';
import type { Rendered } from './rendered.ts';
import type { World } from './world.ts';

const stages = [
  { name: 'Discovery', forecast: 'pipeline', likelihood: 10 },
  { name: 'Demo "live"', forecast: 'best_case', likelihood: 30 },
  { name: 'Negotiation', forecast: 'committed', likelihood: 80 },
  { name: 'Won 🎉', forecast: 'won', likelihood: 100 },
  { name: 'Lost', forecast: 'lost', likelihood: 0 },
];

const customs = [null, {}, { from_campaign: true, 'lead source': 'Messe Köln' }];

/** The stages for a customer who does not pay. */
const openStages = stages.filter(({ forecast }) => forecast !== 'won');

/** The amount in cents of the account's currency. In rupiahs, it exceeds 32 bits. */
const largestDeal = 600_000;

export function opportunitiesOf(world: World, member: number): Key[] {
  const drawn = world.random.pick('opportunities', [0, 0, 0, 0, 0, 0, 0, 0, 1, 1], member);
  const keys = crmKeys(world, member, 'opportunity', member === neverLeaves ? 1 : drawn, 0.3);
  return keys.length > 0 && referenceTo(world, member) !== undefined ? keys : [];
}

export function renderOpportunity(world: World, key: Key): Rendered {
  const { random, isDrifting } = world;
  const { member, ordinal } = key;
  const written = world.writtenAt(key);
  const moved = editsOf(world, key);
  const lastMove = moved.at(-1);
  const isPaying = subscriptionsOf(world, member).some((subscription) => stateOf(subscription).mrr > 0);
  const stage = random.pick(
    'opportunity.stage',
    isPaying ? stages : openStages,
    member,
    ordinal,
    moved.length,
  );
  const amount = random.integer('opportunity.amount', 4, 100, member, ordinal) * 5000;
  const currency = currencyOf(world, member);
  return {
    uuid: uuidOf(random, 'opportunity', key),
    customer_uuid: referenceTo(world, member)?.uuid,
    owner: random.pick('opportunity.owner', people, member, ordinal),
    pipeline: isPaying ? 'Expansion' : 'New Business',
    pipeline_stage: stage.name,
    estimated_close_date: date(written + random.integer('opportunity.close', 7, 120, member, ordinal) * day),
    currency: currency.code,
    amount_in_cents: (member === neverLeaves && ordinal === 0 ? largestDeal : amount) * currency.rate,
    type: random.pick('opportunity.type', ['recurring', 'one-time'], member, ordinal),
    forecast_category: stage.forecast,
    // Drift: an integer that becomes a decimal.
    win_likelihood: isDrifting ? stage.likelihood + 0.5 : stage.likelihood,
    custom: random.pick('opportunity.custom', customs, member, ordinal),
    created_at: milliseconds(written),
    updated_at: milliseconds(lastMove === undefined ? written : world.momentIn(lastMove, member)),
  };
}
