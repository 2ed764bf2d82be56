import { referenceTo } from './customer.ts';
import { dataSourceOf, dataSourceUuid } from './data-source.ts';
import { crmKeys } from './crm-keys.ts';
import { milliseconds, day } from './instant.ts';
import type { Key } from './key.ts';
import { domainOf, emailAt } from './name.ts';
import { uuidOf } from './uuid.ts';
import { firstNames, lastNames, titles } from './words.ts';
import type { Rendered } from './rendered.ts';
import type { World } from './world.ts';

export function contactsOf(world: World, member: number): Key[] {
  const count = world.random.pick('contacts', [0, 0, 1, 1, 1, 1, 1, 2, 2, 3], member);
  return crmKeys(world, member, 'contact', count, 0.3).filter(
    (key) => isOrphan(world, key) || referenceTo(world, member) !== undefined,
  );
}

function isOrphan(world: World, { member, ordinal }: Key): boolean {
  return world.random.chance('contact.orphan', 0.03, member, ordinal);
}

/** A note or a task about the contact, or about the customer if `contact` is undefined. */
export interface Attached extends Key {
  readonly contact: Key | undefined;
}

/**
 * Attaches a share of the records to the member's first contact. Returns an empty list if the
 * member's customer was deleted.
 */
export function attached(world: World, keys: Key[], kind: 'note' | 'task', share: number): Attached[] {
  const [first] = keys;
  if (first === undefined || referenceTo(world, first.member) === undefined) return [];
  const contact = contactsOf(world, first.member)[0];
  return keys.map(({ member, ordinal }) => {
    const isAbout = world.random.chance(`${kind}.contact`, share, member, ordinal);
    return { member, ordinal, contact: isAbout ? contact : undefined };
  });
}

/**
 * Returns the fields that identify what the item is about. Some items about a customer lack them.
 */
export function associationOf(world: World, item: Attached, kind: 'note' | 'task', share: number): Rendered {
  const { member, ordinal, contact } = item;
  if (contact !== undefined)
    return { associated_object: 'contact', associated_object_uuid: uuidOf(world.random, 'contact', contact) };
  if (!world.random.chance(`${kind}.anchored`, share, member, ordinal)) return {};
  return { associated_object: 'customer', associated_object_uuid: referenceTo(world, member)?.uuid };
}

export function renderContact(world: World, key: Key): Rendered {
  const { random, isDrifting } = world;
  const { member, ordinal } = key;
  const customer = isOrphan(world, key) ? undefined : referenceTo(world, member);
  const first = random.pick('contact.first', firstNames, member, ordinal);
  const last = random.pick('contact.last', lastNames, member, ordinal);
  const version = world.changesOf(member, 'profile').length;
  const maybe = <T>(label: string, share: number, value: T) =>
    random.chance(label, share, member, ordinal) ? value : null;
  return {
    uuid: uuidOf(random, 'contact', key),
    customer_uuid: customer?.uuid ?? null,
    customer_external_id: customer?.externalId ?? null,
    data_source_uuid: customer === undefined ? null : dataSourceUuid(world, dataSourceOf(world, member)),
    external_id: maybe('contact.external', 0.3, `con_${member}_${ordinal}`),
    // Drift: a number that becomes text.
    position: isDrifting ? String(ordinal + 1) : ordinal + 1,
    first_name: maybe('contact.named', 0.95, first),
    last_name: maybe('contact.surnamed', 0.9, last),
    title: random.pick('contact.title', [null, ...titles], member, ordinal, version),
    email: maybe('contact.mailed', 0.9, emailAt(domainOf(world, member), first, last)),
    phone: maybe('contact.phone', 0.3, `+1 555 ${String(member % 10_000).padStart(4, '0')}`),
    linked_in: maybe('contact.linked', 0.2, `https://linked.example/in/${member}-${ordinal}`),
    ...(!isDrifting && { twitter: maybe('contact.twitter', 0.1, `@team${member}`) }),
    notes: maybe('contact.notes', 0.2, 'Line\nLine "two"\t🙂'),
    last_seen: maybe('contact.seen', 0.3, milliseconds(world.signedUpAt(member) + day)),
    custom: random.chance('contact.custom', 0.3, member, ordinal)
      ? { Toggle: member % 2 === 0, 'shirt size': 'L' }
      : {},
    ...(isDrifting && { pronouns: maybe('contact.pronouns', 0.5, 'they/them') }),
  };
}
