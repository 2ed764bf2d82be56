import { associationOf, attached, type Attached } from './contact.ts';
import { referenceTo } from './customer.ts';
import { crmKeys, editsOf } from './crm-keys.ts';
import { milliseconds } from './instant.ts';
import { uuidOf } from './uuid.ts';
import { noteTexts, people } from './words.ts';
import type { Rendered } from './rendered.ts';
import type { World } from './world.ts';

/** Returns the notes that `/notes` lists. */
export function notesOf(world: World, member: number): Attached[] {
  const count = world.random.pick('notes', [0, 0, 0, 0, 0, 0, 0, 1, 1, 2], member);
  return attached(world, crmKeys(world, member, 'note', count, 1), 'note', 0.15);
}

/** Returns the notes that `/customer_notes` lists, which are the notes about a customer. */
export function customerNotesOf(world: World, member: number): Attached[] {
  return notesOf(world, member).filter((note) => note.contact === undefined);
}

export function renderCustomerNote(world: World, note: Attached): Rendered {
  const { random } = world;
  const { member, ordinal } = note;
  const isCall = random.chance('note.call', 0.3, member, ordinal);
  const who = random.pick('note.author', people, member, ordinal);
  const written = world.writtenAt(note);
  const edits = editsOf(world, note);
  const edited = edits.at(-1);
  const text = random.pick('note.text', noteTexts, member, ordinal);
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

export function renderNote(world: World, note: Attached): Rendered {
  return { ...renderCustomerNote(world, note), ...associationOf(world, note, 'note', 0.8) };
}
