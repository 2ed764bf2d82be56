import { badParameter } from '../answer.ts';
import { ActivityIndex } from '../data/activity-index.ts';
import {
  activitiesOf,
  activityId,
  activityUuid,
  renderActivity,
  renderCustomerActivity,
  type Activity,
} from '../data/activity.ts';
import { day, nanoseconds } from '../data/instant.ts';
import { keyOf } from '../data/uuid.ts';
import type { World } from '../data/world.ts';
import { accepting } from '../filters.ts';
import { rowsAfter, toCursor, type List } from '../paging.ts';

/**
 * Lists all activities in order of date, starting after `cursor` or `start-after`. The cursor is
 * the uuid of the last row on the page. A faulty cursor is the uuid of the row after it.
 */
export function activities(world: World, query: URLSearchParams, kind: 'faulty' | 'sound'): List<Activity> {
  return {
    key: 'entries',
    legacy: 'per_page',
    rows: (cursor) => inOrder(world, query, cursor ?? query.get('start-after') ?? undefined),
    render: (activity) => renderActivity(world, activity),
    accepts: accepting(query, { type: true }),
    cursorOf: (last, next) => activityUuid(world, kind === 'faulty' ? (next ?? last) : last),
  };
}

function* inOrder(world: World, query: URLSearchParams, after: string | undefined): Iterable<Activity> {
  const index = ActivityIndex.of(world);
  const first = boundOf(query, 'start-date', 0);
  // It is not documented whether the window includes the last day. Here it does.
  const last = boundOf(query, 'end-date', day);
  const low = first === undefined ? 0 : index.positionAt(first);
  const high = last === undefined ? index.size : index.positionAt(last);
  const at = after === undefined ? undefined : positionOf(world, index, after);
  if (query.get('order') === '-date') {
    for (let position = Math.min(high, at ?? high) - 1; position >= low; position--)
      yield index.activityAt(position);
    return;
  }
  for (let position = Math.max(low, at === undefined ? low : at + 1); position < high; position++)
    yield index.activityAt(position);
}

function positionOf(world: World, index: ActivityIndex, uuid: string): number {
  const key = keyOf(world.random, 'activity', uuid);
  const position = key === undefined ? undefined : index.positionOf(key);
  if (position === undefined) throw badParameter('cursor', 'invalid');
  return position;
}

/**
 * Parses a day or an instant. Days are in UTC, because ChartMogul does not document their time
 * zone.
 */
function boundOf(query: URLSearchParams, name: string, wholeDay: number): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const at = Date.parse(text);
  if (Number.isNaN(at)) throw badParameter(name, 'invalid');
  return /^\d{4}-\d\d-\d\d$/.test(text) ? at + wholeDay : at;
}

/** Lists one customer's activities, newest first. */
export function customerActivities(world: World, holder: number): List<Activity> {
  return {
    key: 'entries',
    legacy: 'page',
    whenEmpty: {},
    rows: (cursor) =>
      rowsAfter(cursor, activitiesOf(world, holder).reverse(), (row) => String(activityId(row))),
    render: (activity) => renderCustomerActivity(world, activity),
    cursorOf: (activity) => toCursor(nanoseconds(activity.at), activityId(activity)),
  };
}
