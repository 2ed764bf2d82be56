import { date, day } from './instant.ts';
import { firstSeats, pathOf, type Path } from './life.ts';
import type { Rendered } from './rendered.ts';
import type { World } from './world.ts';

const churnReason = 'churnReason';

/** Where customers heard of the product, by sign-up path. */
const leadSources: Readonly<Record<Path, readonly string[]>> = {
  trial: ['Organic search', 'Organic search', 'Paid search', 'Content', 'Referral'],
  free: ['Organic search', 'Word of mouth', 'Word of mouth', 'Marketplace'],
  sales: ['Outbound', 'Event', 'Partner', 'Referral'],
};

const industries = ['Software', 'Retail', 'Health', 'Education', 'Media', 'Travel', 'Finance', 'Logistics'];

/**
 * Returns a free-form attribute: text, a number of any size, a boolean, a time, null or a nested
 * object.
 */
type Draw = (world: World, member: number, version: number) => unknown;

const attributes: Readonly<Record<string, Draw>> = {
  CAC: (world, member) => world.random.integer('custom.cac', 10, 900, member),
  'NPS score': (world, member, version) => world.random.integer('custom.nps', -100, 100, member, version),
  health: (world, member, version) => world.random.integer('custom.health', 0, 1000, member, version) / 1000,
  pro: (world, member) => world.random.chance('custom.pro', 0.5, member),
  utmCampaign: (world, member) =>
    world.random.pick('custom.utm', ['spring "sale"', 'søk', 'social media 1', ''], member),
  'plan.tier': (world, member) => world.random.pick('custom.tier', ['a', 'b', 'c'], member),
  'onboarded at': (world, member) => `${date(world.signedUpAt(member) + 3 * day)} 00:00:00`,
  last_login: (world, member, version) =>
    `${date(world.signedUpAt(member) + (9 + version) * day)}T00:00:00.000Z`,
  '🚀 launched': () => true,
  [churnReason]: () => null,
  industry: (world, member) => world.random.pick('custom.industry', industries, member),
  billing: (_, member) => ({ vat: `X${member}`, limits: [1, 2.5, null, { soft: true }], 'a-b': 'kebab' }),
  // Mixed on purpose: a number for one customer, text for the next.
  seats: (world, member) => {
    const seats = firstSeats(world, member, 0);
    return member % 2 === 0 ? seats : String(seats);
  },
};

/** The labels are built once, because building a label costs more than drawing a value. */
const drawn = Object.entries(attributes).map(([name, draw]) => ({ name, label: `custom.has.${name}`, draw }));

/** Beyond 2^53: a reader that parses JSON numbers as doubles changes the last digits. */
const hugeAttributes: Readonly<Record<string, Draw>> = {
  ledgerId: (_, member) => 9_007_199_254_740_993n + BigInt(member) * 2n,
  accountNumber: (_, member) => 123_456_789_012_345_678_901_234n + BigInt(member),
};

/**
 * Returns a member's attributes. The first members have all attributes, so that each special case
 * always exists.
 *
 * @param leaving the reason why the customer left; undefined if the customer did not leave.
 */
export function customOf(world: World, member: number, version: number, leaving?: string): Rendered {
  const sources = leadSources[pathOf(world, member)];
  const custom: Record<string, unknown> = { leadSource: world.random.pick('custom.source', sources, member) };
  for (const { name, label, draw } of drawn) {
    if (member < 3 || world.random.chance(label, 0.3, member)) custom[name] = draw(world, member, version);
  }
  if (leaving !== undefined) custom[churnReason] = leaving;
  if (member >= 2 && !world.random.chance('custom.huge', 0.01, member)) return custom;
  for (const [name, draw] of Object.entries(hugeAttributes)) custom[name] = draw(world, member, version);
  return custom;
}
