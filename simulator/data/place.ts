import { neverLeaves } from './life.ts';
import { places } from './words.ts';
import type { World } from './world.ts';

export type Place = (typeof places)[number];

/** The currency of a customer's bills. */
export interface Currency {
  readonly code: string;
  /** The price of one unit of the account's currency in this currency. */
  readonly rate: number;
}

const drawn = places.flatMap((place) => Array.from({ length: place.weight }, () => place));
const jakarta = places.find(({ code }) => code === 'ID');

const dollar: Currency = { code: 'USD', rate: 1 };

/** In rupiahs, an annual bill for a dozen seats already exceeds 32 bits. */
const currencies: Readonly<Record<string, Currency>> = {
  DE: { code: 'EUR', rate: 0.9 },
  FR: { code: 'EUR', rate: 0.9 },
  NL: { code: 'EUR', rate: 0.9 },
  GB: { code: 'GBP', rate: 0.8 },
  ID: { code: 'IDR', rate: 16_000 },
};

/** Returns the location of a member. */
export function placeOf(world: World, member: number): Place {
  if (member === neverLeaves && jakarta !== undefined) return jakarta;
  return world.random.pick('place', drawn, member);
}

/** Returns the currency of a member's bills. MRR is always in the account's currency. */
export function currencyOf(world: World, member: number): Currency {
  const { code } = placeOf(world, member);
  const local = currencies[code];
  if (local === undefined) return dollar;
  return member === neverLeaves || world.random.chance('currency', 0.4, member) ? local : dollar;
}
