/** The values of the search form. They are part of the URL, so that a search can be linked. */
export interface MessageForm {
  readonly by: 'newest' | 'key' | 'time' | 'offset';
  /** The value to search for: a key, a local time or an offset. */
  readonly value: string;
  readonly partition: string;
}

const ways = ['newest', 'key', 'time', 'offset'] as const;

export function formOf(query: URLSearchParams): MessageForm {
  const by = ways.find((way) => way === query.get('by')) ?? 'newest';
  return { by, value: query.get('value') ?? '', partition: query.get('partition') ?? '' };
}

/** Returns the query parameters for a link to the search. */
export function queryOf({ by, value, partition }: MessageForm): Record<string, string> {
  return {
    tab: 'messages',
    by,
    ...(by !== 'newest' && { value }),
    ...(partition !== '' && { partition }),
  };
}

/** Returns the path of the search in the API. A time in the form is in the browser's time zone. */
export function pathOf(stream: string, { by, value, partition }: MessageForm, cursor?: string): string {
  const query = new URLSearchParams({ by });
  if (by === 'time') query.set('time', isoTime(value));
  else if (by !== 'newest') query.set(by, value);
  if (partition !== '') query.set('partition', partition);
  if (cursor !== undefined) query.set('cursor', cursor);
  return `/api/streams/${encodeURIComponent(stream)}/messages?${query.toString()}`;
}

function isoTime(text: string): string {
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? text : time.toISOString();
}
