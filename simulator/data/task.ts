import { associationOf, attached, type Attached } from './contact.ts';
import { crmKeys, editsOf } from './crm-keys.ts';
import { referenceTo } from './customer.ts';
import { date, day, hour, milliseconds } from './instant.ts';
import { uuidOf } from './uuid.ts';
import { people, taskTexts } from './words.ts';
import type { Rendered } from './rendered.ts';
import type { World } from './world.ts';

export function tasksOf(world: World, member: number): Attached[] {
  const count = world.random.pick('tasks', [0, 0, 0, 0, 0, 0, 0, 0, 1, 1], member);
  return attached(world, crmKeys(world, member, 'task', count, 0.3), 'task', 0.1);
}

export function renderTask(world: World, task: Attached): Rendered {
  const { random } = world;
  const { member, ordinal, contact } = task;
  const written = world.writtenAt(task);
  const edited = editsOf(world, task).at(-1);
  const touched = edited === undefined ? written : world.momentIn(edited, member);
  const isDone = edited !== undefined || random.chance('task.done', 0.5, member, ordinal);
  const due = written + random.integer('task.due', 1, 30, member, ordinal) * day;
  return {
    task_uuid: uuidOf(random, 'task', task),
    customer_uuid: contact === undefined ? (referenceTo(world, member)?.uuid ?? null) : null,
    ...associationOf(world, task, 'task', 0.5),
    task_details: random.pick('task.details', taskTexts, member, ordinal),
    assignee: random.pick('task.assignee', people, member, ordinal),
    due_date: `${date(due)}T00:00:00.000Z`,
    completed_at: isDone ? milliseconds(edited === undefined ? written + hour : touched) : null,
    created_at: milliseconds(written),
    updated_at: milliseconds(touched),
  };
}
