import { notFound, objectIn, ok, type Answer } from './answer.ts';
import type { Call } from './call.ts';
import { ActivityIndex } from './data/activity-index.ts';
import { renderActivity } from './data/activity.ts';
import { day, inZone } from './data/instant.ts';
import type { Rendered } from './data/rendered.ts';
import { uuidOf } from './data/uuid.ts';
import type { World } from './data/world.ts';
import { activities } from './lists/activities.ts';
import { allOf } from './paging.ts';

interface Export {
  readonly window: URLSearchParams;
  readonly createdAt: number;
  polls: number;
}

/** Activity exports, which outlive a request. Each poll advances an export by one step. */
export class Jobs {
  readonly #exports = new Map<string, Export>();

  startExport({ world, body }: Call): Answer {
    const window = new URLSearchParams();
    for (const name of ['start-date', 'end-date', 'type']) {
      const value = objectIn(body)[name];
      if (typeof value === 'string') window.set(name, value.slice(0, 10));
    }
    const id = uuidOf(world.random, 'activities_export', { member: this.#exports.size, ordinal: 0 });
    const job = { window, createdAt: world.nowAt(), polls: 0 };
    this.#exports.set(id, job);
    return ok(exportOf(id, job, null));
  }

  export({ origin }: Call, id: string): Answer {
    const job = this.#exports.get(id);
    if (job === undefined) return notFound('Activities export');
    job.polls++;
    return ok(exportOf(id, job, job.polls > 1 ? `${origin}/exports/${id}.csv` : null));
  }

  /** Returns the file of an export. Like a signed URL, it does not require a key. */
  file(world: World, path: string): Answer | undefined {
    const job = this.#exports.get(/^\/exports\/([0-9a-f-]+)\.csv$/.exec(path)?.[1] ?? '');
    return job === undefined ? undefined : { status: 200, type: 'text/csv', body: csvOf(world, job.window) };
  }
}

function exportOf(id: string, { window, createdAt }: Export, fileUrl: string | null): Rendered {
  const bound = (name: string) => (window.has(name) ? `${window.get(name) ?? ''} 00:00:00 +0000` : null);
  return {
    id,
    status: fileUrl === null ? 'pending' : 'succeeded',
    file_url: fileUrl,
    params: {
      kind: 'activities',
      params: {
        start_date: bound('start-date'),
        end_date: bound('end-date'),
        activity_type: window.get('type'),
      },
    },
    expires_at: inZone(createdAt + 7 * day),
    created_at: inZone(createdAt),
  };
}

function* csvOf(world: World, window: URLSearchParams): Iterable<string> {
  const index = ActivityIndex.of(world);
  if (index.size === 0) return;
  const columns = Object.keys(renderActivity(world, index.activityAt(0)));
  yield `${columns.join(',')}\n`;
  for (const record of allOf(activities(world, window, 'sound')))
    yield `${columns.map((column) => field(record[column])).join(',')}\n`;
}

function field(value: unknown): string {
  const text = typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
