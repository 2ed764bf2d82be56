import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Settings } from '../../core/settings/config.ts';
import { startDashboard } from '../../dashboard/server/server.ts';
import { waitFor } from './wait-for.ts';

export interface TestDashboard {
  readonly url: string;
  /** The page's token. */
  readonly token: string;
  get<T>(path: string): Promise<T>;
  /** Posts JSON as the page does. */
  post<T>(path: string, body: unknown): Promise<T>;
  /** Posts without the page's token. @returns the status. */
  postWithoutToken(path: string, body: unknown): Promise<number>;
}

/** Starts a dashboard on a free port. */
export async function createDashboard(t: TestContext, settings: Settings): Promise<TestDashboard> {
  const controller = new AbortController();
  const show = { host: '127.0.0.1', port: 0, password: undefined };
  const { url, stopped } = await startDashboard({ ...settings, show }, controller.signal);
  t.after(async () => {
    controller.abort();
    await stopped;
  });
  return connectDashboard(url);
}

/** Opens the page of a running dashboard. */
export async function connectDashboard(url: string): Promise<TestDashboard> {
  const page = await (await fetch(url)).text();
  const token = /name="page-token" content="([^"]+)"/.exec(page)?.[1] ?? '';
  const send = async (path: string, headers: Record<string, string>, body: unknown) =>
    fetch(new URL(path, url), {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  return {
    url,
    token,
    get: async (path) => answerOf(await fetch(new URL(path, url), { headers: { 'x-page-token': token } })),
    post: async (path, body) => answerOf(await send(path, { 'x-page-token': token }, body)),
    postWithoutToken: async (path, body) => (await send(path, {}, body)).status,
  };
}

async function answerOf<T>(answer: Response): Promise<T> {
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  return JSON.parse(text) as T;
}

/** Polls the state of a job until it has ended, and returns the last state. */
export async function endOf<State>(
  get: () => Promise<State>,
  isRunning: (state: State) => boolean,
): Promise<State> {
  let state = await get();
  await waitFor('the end of the job', async () => {
    state = await get();
    return !isRunning(state);
  });
  return state;
}
