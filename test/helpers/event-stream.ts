import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { TestContext } from 'node:test';

export interface EventStream {
  /**
   * Resolves with the data of the next event with this name that has not been returned yet.
   * @throws if the stream ends first.
   */
  next(event: string): Promise<unknown>;
  /** Resolves once the server has ended the stream. */
  readonly ended: Promise<void>;
  close(): void;
}

/** Opens a stream of server-sent events, as a browser does. */
export async function openEvents(t: TestContext, url: string): Promise<EventStream> {
  const request = get(`${url}api/events`);
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  t.after(() => request.destroy());
  const waiting = new Map<string, unknown[]>();
  let wake = () => {};
  let isOver = false;
  const read = async () => {
    let text = '';
    for await (const chunk of answer.setEncoding('utf8')) {
      text += String(chunk);
      const frames = text.split('\n\n');
      text = frames.pop() ?? '';
      for (const frame of frames) {
        const [, event = '', data = ''] = /^event: (.*)\ndata: (.*)$/.exec(frame) ?? [];
        if (event !== '') waiting.set(event, [...(waiting.get(event) ?? []), JSON.parse(data)]);
      }
      wake();
    }
  };
  return {
    next: async (event) => {
      for (;;) {
        const known = waiting.get(event) ?? [];
        if (known.length > 0) return known.shift();
        if (isOver) throw new Error(`the stream ended without another ${event} event`);
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
    // The server may cut the connection.
    ended: read()
      .catch(() => undefined)
      .finally(() => {
        isOver = true;
        wake();
      }),
    close: () => request.destroy(),
  };
}
