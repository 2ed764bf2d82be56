import { companies, firstNames, lastNames } from './words.ts';
import type { World } from './world.ts';

export function customerName(world: World, holder: number): string {
  const { random } = world;
  const version = world.changesOf(holder, 'profile').length;
  const { forms, awkward } = companies;
  const name =
    awkward[holder - 1] ??
    (random.chance('name.awkward', 0.01, holder)
      ? random.pick('name.which', awkward, holder)
      : `${brandOf(world, holder)} ${random.pick('name.form', forms, holder)}`);
  return version === 0 ? name : `${name} (${version + 1})`;
}

function brandOf({ random }: World, member: number): string {
  const { first, second } = companies;
  return `${random.pick('name.1', first, member)}${random.pick('name.2', second, member)}`;
}

/** Returns a domain that no other member has, because it contains the member's number. */
export function domainOf(world: World, member: number): string {
  return `${brandOf(world, member).toLowerCase()}${member}.example`;
}

/** Returns a customer's e-mail address; '' if it has none. Some customers share an address. */
export function emailOf(world: World, holder: number): string {
  const { random } = world;
  if (random.chance('email.none', 0.1, holder)) return '';
  const owner = random.chance('email.shared', 0.05, holder) ? holder - (holder % 5) : holder;
  return emailAt(
    domainOf(world, owner),
    random.pick('email.first', firstNames, owner),
    random.pick('email.last', lastNames, owner),
  );
}

export function emailAt(domain: string, first: string, last: string): string {
  return `${asciiOf(first)}.${asciiOf(last)}@${domain}`;
}

function asciiOf(word: string): string {
  return word.normalize('NFKD').toLowerCase().match(/[a-z]/g)?.join('') ?? 'x';
}
