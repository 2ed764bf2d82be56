import { contactsOf, contactUuid } from './contact.ts';
import { referenceTo } from './customer.ts';
import { crmOrdinals } from './crm-ordinals.ts';
import { milliseconds } from './instant.ts';
import { perRevision, type Key } from './key.ts';
import { uuidOf } from './uuid.ts';
import { people, sentences } from './words.ts';
import type { Rendered } from './rendered.ts';
import type { World } from './world.ts';

/** A note or a call log. */
export interface Note extends Key {
  /** The contact it is about, instead of a customer. */
  readonly contact: Key | undefined;
}

/** Returns the notes that `/notes` lists. */
export function notesOf(world: World, member: number): Note[] {
  const { random } = world;
  const count = random.pick('notes', [0, 0, 0, 0, 0, 0, 0, 1, 1, 2], member);
  const ordinals = crmOrdinals(world, member, count, () => true);
  if (ordinals.length === 0 || referenceTo(world, member) === undefined) return [];
  const contact = contactsOf(world, member)[0];
  return ordinals
    .map((ordinal) => ({
      member,
      ordinal,
      contact: random.chance('note.contact', 0.15, member, ordinal) ? contact : undefined,
    }))
    .filter((note) => world.vanishedIn('note.vanishes', note) === undefined);
}

/** Returns the notes that `/customer_notes` lists: those about a customer. */
export function customerNotesOf(world: World, member: number): Note[] {
  return notesOf(world, member).filter((note) => note.contact === undefined);
}

export function renderCustomerNote(world: World, note: Note): Rendered {
  const { random } = world;
  const { member, ordinal } = note;
  const isCall = random.chance('note.call', 0.3, member, ordinal);
  const who = random.pick('note.author', people, member, ordinal);
  const written = world.writtenAt(note);
  const edits = world.changesOf(member, 'crm').filter((revision) => ordinal < revision * perRevision);
  const edited = edits.at(-1);
  const text = random.pick('note.text', sentences, member, ordinal);
  return {
    uuid: uuidOf(random, 'note', note),
    customer_uuid: note.contact === undefined ? (referenceTo(world, member)?.uuid ?? null) : null,
    type: isCall ? 'call' : 'note',
    text: edited === undefined ? text : `${text}\n(edited ${edits.length} times)`,
    call_duration: isCall ? random.integer('note.duration', 10, 5400, member, ordinal) : 0,
    author: `${who.replace(/@.*/, '').replace(/^./, (letter) => letter.toUpperCase())} (${who})`,
    created_at: milliseconds(written),
    updated_at: milliseconds(edited === undefined ? written : world.momentIn(edited, member)),
  };
}

export function renderNote(world: World, note: Note): Rendered {
  const customer = referenceTo(world, note.member)?.uuid;
  const isAnchored =
    note.contact !== undefined || world.random.chance('note.anchored', 0.8, note.member, note.ordinal);
  return {
    ...renderCustomerNote(world, note),
    ...(isAnchored && {
      associated_object: note.contact === undefined ? 'customer' : 'contact',
      associated_object_uuid: note.contact === undefined ? customer : contactUuid(world, note.contact),
    }),
  };
}
