import { once } from 'node:events';
import { createServer, request as ask, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { TestContext } from 'node:test';

export interface ClickHouseFront {
  readonly url: string;
  /** Every statement that was sent: the URL parameter `query` or, if there is none, the body. */
  readonly statements: string[];
  /** The longest request URL so far. */
  longestUrl: number;
  /** Returns the error to send in place of the server's response, if any. */
  refuse: (statement: string) => readonly [code: number, name: string, text: string] | undefined;
  /** Returns true if it has sent a response. The statement is then not forwarded. */
  answer: (statement: string, response: ServerResponse) => boolean;
}

/**
 * Starts a proxy in front of a ClickHouse server. The proxy adds the settings in `profile` to each
 * request, as a server-side settings profile would. Settings in the request take precedence.
 */
export async function createClickHouseFront(
  t: TestContext,
  target: string,
  profile: Readonly<Record<string, string>> = {},
): Promise<ClickHouseFront> {
  const { hostname, port } = new URL(target);
  const front: ClickHouseFront = {
    url: '',
    statements: [],
    longestUrl: 0,
    refuse: () => undefined,
    answer: () => false,
  };
  const server = createServer({ maxHeaderSize: 4 * 1024 * 1024 }, (incoming, response) => {
    const forward = async () => {
      const url = new URL(incoming.url ?? '/', 'http://localhost');
      front.longestUrl = Math.max(front.longestUrl, incoming.url?.length ?? 0);
      const body = await buffer(incoming);
      const statement = url.searchParams.get('query') ?? body.toString('utf8');
      if (statement !== '') front.statements.push(statement);
      const refusal = front.refuse(statement);
      if (refusal !== undefined) {
        const [code, name, text] = refusal;
        response.writeHead(500, { 'X-ClickHouse-Exception-Code': String(code) });
        response.end(`Code: ${code}. DB::Exception: ${text} (${name}) (version 26.7.2.1)`);
        return;
      }
      if (front.answer(statement, response)) return;
      const settings = new URLSearchParams(profile);
      for (const [name, value] of url.searchParams) settings.set(name, value);
      const { headers, method } = incoming;
      const passed = ask(
        { hostname, port, method, headers, path: `${url.pathname}?${settings.toString()}` },
        (answer) => {
          response.writeHead(answer.statusCode ?? 500, answer.headers);
          answer.pipe(response);
        },
      );
      passed.on('error', () => response.destroy()).end(body);
    };
    forward().catch(() => response.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return Object.assign(front, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}
