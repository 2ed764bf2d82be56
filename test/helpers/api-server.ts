import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

/**
 * Responses by path, such as `/customers`: a body that is sent unchanged with status 200, or a
 * function that sends the response.
 */
export type ApiAnswers = Readonly<
  Record<string, string | ((query: URLSearchParams, response: ServerResponse) => void)>
>;

/**
 * Starts a server that sends the given responses below `/v1`, and 404 for any other path.
 * `requests` lists the requests except those for `/ping`.
 */
export async function createApiServer(
  t: TestContext,
  answers: ApiAnswers,
): Promise<{ baseUrl: string; requests: string[] }> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://source.invalid');
    // Every run sends a ping first. Tests do not count it.
    if (!url.pathname.endsWith('/ping')) requests.push(`${url.pathname.replace('/v1', '')}${url.search}`);
    const answer = answers[url.pathname.replace('/v1', '')];
    if (typeof answer === 'function') answer(url.searchParams, response);
    else
      response
        .writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' })
        .end(answer ?? '{}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, requests };
}
