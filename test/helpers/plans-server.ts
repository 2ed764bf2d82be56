import type { ServerResponse } from 'node:http';
import type { TestContext } from 'node:test';
import { createApiServer } from './api-server.ts';

const PAGES = 8;
const PLANS_OF_A_PAGE = 2;

/** The possible responses to a request. Without a response, the request stays open. */
export interface Reply {
  /** Responds like ChartMogul. */
  readonly answer: () => void;
  readonly send: (status: number, body: string) => void;
}

/**
 * Called for every request. `what` is `page 1` to `page 8` of the list, or the key that is looked
 * up.
 */
export type OnRequest = (what: string, reply: Reply) => void;

export interface PlansServer {
  readonly baseUrl: string;
  /** The cursors of the requested pages, in request order; null for a first page. */
  readonly cursors: (string | null)[];
  onRequest: OnRequest;
  /** Keys that are missing from the list and whose addresses return 404. */
  readonly deleted: Set<string>;
}

/** The keys of all plans, sorted, two for each page. */
export const planKeys: readonly string[] = Array.from(
  { length: PAGES * PLANS_OF_A_PAGE },
  (_, index) => `pl_${String(index + 1).padStart(2, '0')}`,
);

export const answersAll: OnRequest = (_, { answer }) => answer();

/** Responds to all requests except this one, which stays open. */
export function hangsAt(wanted: string): OnRequest {
  return (what, { answer }) => {
    if (what !== wanted) answer();
  };
}

/** Sends this response to the wanted request, and the usual responses to all others. */
export function sendsAt(wanted: string, status: number, body: string): OnRequest {
  return (what, { answer, send }) => (what === wanted ? send(status, body) : answer());
}

/**
 * Holds back the response to the first wanted request until `letGo` is called. All other requests
 * receive responses.
 */
export function holdBack(
  server: PlansServer,
  wanted: string,
): { readonly isAsked: Promise<void>; readonly letGo: () => void } {
  let onAsked = () => {};
  const isAsked = new Promise<void>((resolve) => (onAsked = resolve));
  const held: { answer?: () => void } = {};
  server.onRequest = (what, { answer }) => {
    if (what === wanted && held.answer === undefined) {
      held.answer = answer;
      onAsked();
    } else answer();
  };
  return { isAsked, letGo: () => held.answer?.() };
}

/** Returns the cursor that requests a page, from the second page on. */
export function cursorOf(page: number): string {
  return `c${page}`;
}

/** Starts a server that serves eight pages of plans by cursor, and each plan at its address. */
export async function createPlansServer(t: TestContext, onRequest = answersAll): Promise<PlansServer> {
  const deleted = new Set<string>();
  const cursors: (string | null)[] = [];
  const reply = (what: string, response: ServerResponse, status: () => number, body: () => string) => {
    const send = (code: number, text: string) => response.writeHead(code).end(text);
    server.onRequest(what, { answer: () => send(status(), body()), send });
  };
  const { baseUrl } = await createApiServer(t, {
    ...Object.fromEntries(
      planKeys.map((key) => [
        `/plans/${key}`,
        (_: URLSearchParams, response: ServerResponse) =>
          reply(
            key,
            response,
            () => (deleted.has(key) ? 404 : 200),
            () => JSON.stringify({ uuid: key }),
          ),
      ]),
    ),
    '/plans': (query, response) => {
      const cursor = query.get('cursor');
      cursors.push(cursor);
      const page = Number(cursor?.slice(1) ?? 1);
      reply(
        `page ${page}`,
        response,
        () => 200,
        () => pageOf(page, deleted),
      );
    },
  });
  const server: PlansServer = { baseUrl, cursors, onRequest, deleted };
  return server;
}

function pageOf(page: number, deleted: ReadonlySet<string>): string {
  const first = (page - 1) * PLANS_OF_A_PAGE;
  const keys = planKeys.slice(first, first + PLANS_OF_A_PAGE).filter((key) => !deleted.has(key));
  return JSON.stringify({
    plans: keys.map((uuid) => ({ uuid })),
    has_more: page < PAGES,
    cursor: cursorOf(page + 1),
  });
}
