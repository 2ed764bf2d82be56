import { referenceTo } from './customer.ts';
import { dataSourceOf, dataSourceUuid } from './data-source.ts';
import { crmOrdinals } from './crm-ordinals.ts';
import { milliseconds, day } from './instant.ts';
import type { Key } from './key.ts';
import { uuidOf } from './uuid.ts';
import { firstNames, lastNames, titles } from './words.ts';
import type { Rendered } from './rendered.ts';
import type { World } from './world.ts';

export function contactsOf(world: World, member: number): Key[] {
  const { random } = world;
  const count = random.pick('contacts', [0, 0, 1, 1, 1, 1, 1, 2, 2, 3], member);
  const ordinals = crmOrdinals(world, member, count, (revision) =>
    random.chance('contact.new', 0.3, member, revision),
  );
  return ordinals
    .map((ordinal) => ({ member, ordinal }))
    .filter((key) => world.vanishedIn('contact.vanishes', key) === undefined)
    .filter((key) => isOrphan(world, key) || referenceTo(world, member) !== undefined);
}

/** Returns whether a contact has no customer. */
export function isOrphan(world: World, { member, ordinal }: Key): boolean {
  return world.random.chance('contact.orphan', 0.03, member, ordinal);
}

export function contactUuid(world: World, key: Key): string {
  return uuidOf(world.random, 'contact', key);
}

export function renderContact(world: World, key: Key): Rendered {
  const { random } = world;
  const { member, ordinal } = key;
  const customer = isOrphan(world, key) ? undefined : referenceTo(world, member);
  const isDrifting = world.options.drift && world.revision > 0;
  const first = random.pick('contact.first', firstNames, member, ordinal);
  const version = world.changesOf(member, 'profile').length;
  const maybe = <T>(label: string, share: number, value: T) =>
    random.chance(label, share, member, ordinal) ? value : null;
  return {
    uuid: contactUuid(world, key),
    customer_uuid: customer?.uuid ?? null,
    customer_external_id: customer?.externalId ?? null,
    data_source_uuid: customer === undefined ? null : dataSourceUuid(world, dataSourceOf(world, member)),
    external_id: maybe('contact.external', 0.3, `con_${member}_${ordinal}`),
    // Drift: a number that becomes text.
    position: isDrifting ? String(ordinal + 1) : ordinal + 1,
    first_name: maybe('contact.named', 0.95, first),
    last_name: maybe('contact.surnamed', 0.9, random.pick('contact.last', lastNames, member, ordinal)),
    title: random.pick('contact.title', [null, ...titles], member, ordinal, version),
    email: maybe('contact.mailed', 0.9, `person${ordinal}@c${member}.example`),
    phone: maybe('contact.phone', 0.3, `+1 555 ${String(member % 10_000).padStart(4, '0')}`),
    linked_in: maybe('contact.linked', 0.2, `https://linked.example/in/${member}-${ordinal}`),
    ...(!isDrifting && { twitter: maybe('contact.twitter', 0.1, `@c${member}`) }),
    notes: maybe('contact.notes', 0.2, 'Line\nLine "two"\t🙂'),
    last_seen: maybe('contact.seen', 0.3, milliseconds(world.signedUpAt(member) + day)),
    custom: random.chance('contact.custom', 0.3, member, ordinal)
      ? { Toggle: member % 2 === 0, 'shirt size': 'L' }
      : {},
    ...(isDrifting && { pronouns: maybe('contact.pronouns', 0.5, 'they/them') }),
  };
}
