import { crmOrdinals } from './crm-ordinals.ts';
import { contactsOf, contactUuid } from './contact.ts';
import { referenceTo } from './customer.ts';
import { date, day, hour, milliseconds } from './instant.ts';
import { perRevision, type Key } from './key.ts';
import { uuidOf } from './uuid.ts';
import { people, sentences } from './words.ts';
import type { Rendered } from './rendered.ts';
import type { World } from './world.ts';

export interface Task extends Key {
  /** The contact it is about, instead of a customer. */
  readonly contact: Key | undefined;
}

export function tasksOf(world: World, member: number): Task[] {
  const { random } = world;
  const count = random.pick('tasks', [0, 0, 0, 0, 0, 0, 0, 0, 1, 1], member);
  if (count === 0 && world.revision === 0) return [];
  const ordinals = crmOrdinals(world, member, count, (revision) =>
    random.chance('task.new', 0.3, member, revision),
  );
  if (ordinals.length === 0 || referenceTo(world, member) === undefined) return [];
  const contact = contactsOf(world, member)[0];
  return ordinals
    .map((ordinal) => ({
      member,
      ordinal,
      contact: random.chance('task.contact', 0.1, member, ordinal) ? contact : undefined,
    }))
    .filter((task) => world.vanishedIn('task.vanishes', task) === undefined);
}

export function renderTask(world: World, task: Task): Rendered {
  const { random } = world;
  const { member, ordinal, contact } = task;
  const written = world.writtenAt(task);
  const edited = world.changesOf(member, 'crm').findLast((revision) => ordinal < revision * perRevision);
  const touched = edited === undefined ? written : world.momentIn(edited, member);
  const isDone = edited !== undefined || random.chance('task.done', 0.5, member, ordinal);
  const customer = contact === undefined ? referenceTo(world, member)?.uuid : undefined;
  const isAnchored = contact !== undefined || random.chance('task.anchored', 0.5, member, ordinal);
  const due = written + random.integer('task.due', 1, 30, member, ordinal) * day;
  return {
    task_uuid: uuidOf(random, 'task', task),
    customer_uuid: customer ?? null,
    ...(isAnchored && {
      associated_object: contact === undefined ? 'customer' : 'contact',
      associated_object_uuid: contact === undefined ? customer : contactUuid(world, contact),
    }),
    task_details: random.pick('task.details', sentences, member, ordinal),
    assignee: random.pick('task.assignee', people, member, ordinal),
    due_date: `${date(due)}T00:00:00.000Z`,
    completed_at: isDone ? milliseconds(edited === undefined ? written + hour : touched) : null,
    created_at: milliseconds(written),
    updated_at: milliseconds(touched),
  };
}
