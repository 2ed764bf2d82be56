import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

/**
 * Responses of a source by path, such as `/customers`: a body that is sent unchanged, or a function
 * for anything else.
 */
export type ApiAnswers = Readonly<
  Record<string, string | ((query: URLSearchParams, response: ServerResponse) => void)>
>;

/**
 * Starts a server that responds like ChartMogul's API with exactly the given bytes, and with 404
 * for any other path.
 */
export async function createApiServer(
  t: TestContext,
  answers: ApiAnswers,
): Promise<{ baseUrl: string; requests: string[] }> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://source.invalid');
    // Every run requests this first.
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
