import { crmKeys, editsOf } from './crm-keys.ts';
import { referenceTo } from './customer.ts';
import { date, day, milliseconds } from './instant.ts';
import type { Key } from './key.ts';
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

const customs = [null, {}, { from_campaign: true, 'lead source': 'Messe' }];

/** One deal is too large for 32 bits, at any seed. */
const largestDeal = { member: 2, amount: 3_250_000_000 };

export function opportunitiesOf(world: World, member: number): Key[] {
  const drawn = world.random.pick('opportunities', [0, 0, 0, 0, 0, 0, 0, 0, 1, 1], member);
  const keys = crmKeys(world, member, 'opportunity', member === largestDeal.member ? 1 : drawn, 0.3);
  return keys.length > 0 && referenceTo(world, member) !== undefined ? keys : [];
}

export function renderOpportunity(world: World, key: Key): Rendered {
  const { random, isDrifting } = world;
  const { member, ordinal } = key;
  const written = world.writtenAt(key);
  const moved = editsOf(world, key);
  const lastMove = moved.at(-1);
  const stage = random.pick('opportunity.stage', stages, member, ordinal, moved.length);
  const amount = random.integer('opportunity.amount', 5, 4000, member, ordinal) * 5000;
  return {
    uuid: uuidOf(random, 'opportunity', key),
    customer_uuid: referenceTo(world, member)?.uuid,
    owner: random.pick('opportunity.owner', people, member, ordinal),
    pipeline: random.pick('opportunity.pipeline', ['New Business', 'Expansion'], member, ordinal),
    pipeline_stage: stage.name,
    estimated_close_date: date(written + random.integer('opportunity.close', 7, 120, member, ordinal) * day),
    currency: world.currency,
    amount_in_cents: member === largestDeal.member && ordinal === 0 ? largestDeal.amount : amount,
    type: random.pick('opportunity.type', ['recurring', 'one-time'], member, ordinal),
    forecast_category: stage.forecast,
    // Drift: an integer that becomes a decimal.
    win_likelihood: isDrifting ? stage.likelihood + 0.5 : stage.likelihood,
    custom: random.pick('opportunity.custom', customs, member, ordinal),
    created_at: milliseconds(written),
    updated_at: milliseconds(lastMove === undefined ? written : world.momentIn(lastMove, member)),
  };
}
