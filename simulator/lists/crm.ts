import { contactsOf, renderContact, type Attached } from '../data/contact.ts';
import type { Key } from '../data/key.ts';
import { customerNotesOf, notesOf, renderCustomerNote, renderNote } from '../data/note.ts';
import { opportunitiesOf, renderOpportunity } from '../data/opportunity.ts';
import { renderTask, tasksOf } from '../data/task.ts';
import type { World } from '../data/world.ts';
import { onOrAfter, onOrBefore, type Test } from '../filters.ts';
import type { CreatedKind } from './created-list.ts';

const byAuthor: Test = (record, value) => String(record['author']).endsWith(`(${value})`);
const byContact: Test = (record, value) =>
  record['associated_object'] === 'contact' && record['associated_object_uuid'] === value;

const entries = {
  key: 'entries',
  legacy: 'none',
  createdAt: (world: World, key: Key) => world.writtenAt(key),
} as const;

export const contacts: CreatedKind<Key> = {
  ...entries,
  uuid: 'contact',
  whenEmpty: {},
  filters: {
    customer_uuid: true,
    data_source_uuid: true,
    email: true,
    customer_external_id: true,
    external_id: true,
  },
  itemsOf: contactsOf,
  render: renderContact,
  createdAt: (world, key) => world.importedAt(key),
};

export const customerNotes: CreatedKind<Attached> = {
  ...entries,
  uuid: 'note',
  filters: { customer_uuid: true, type: true, author_email: byAuthor },
  itemsOf: customerNotesOf,
  render: renderCustomerNote,
};

export const notes: CreatedKind<Attached> = {
  ...customerNotes,
  filters: { ...customerNotes.filters, contact_uuid: byContact },
  itemsOf: notesOf,
  render: renderNote,
};

export const opportunities: CreatedKind<Key> = {
  ...entries,
  uuid: 'opportunity',
  filters: {
    customer_uuid: true,
    owner: true,
    pipeline: true,
    pipeline_stage: true,
    estimated_close_date_on_or_after: onOrAfter('estimated_close_date'),
    estimated_close_date_on_or_before: onOrBefore('estimated_close_date'),
  },
  itemsOf: opportunitiesOf,
  render: renderOpportunity,
};

export const tasks: CreatedKind<Attached> = {
  ...entries,
  uuid: 'task',
  filters: {
    customer_uuid: true,
    contact_uuid: byContact,
    assignee: true,
    due_date_on_or_after: onOrAfter('due_date'),
    due_date_on_or_before: onOrBefore('due_date'),
    completed: (record, value) => (record['completed_at'] !== null) === (value === 'true'),
  },
  itemsOf: tasksOf,
  render: renderTask,
};
