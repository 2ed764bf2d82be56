import { once, setMaxListeners } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { LocalServiceError, messageOf } from '../core/errors.ts';
import { refuseForeign } from '../core/http/foreign-request.ts';
import { logger } from '../core/logger.ts';
import { refusal, type Answer } from './answer.ts';
import { control } from './control.ts';
import { Faults } from './faults.ts';
import { Limits } from './limits.ts';
import { send, sendFault } from './send.ts';
import type { Simulator } from './simulator.ts';
import { Statistics } from './statistics.ts';

/**
 * Opens the simulator on a loopback port; 0 picks a free port.
 * @param now the clock of the rate limit, in ms.
 * @throws LocalServiceError
 */
export async function listen(simulator: Simulator, port: number, now?: () => number) {
  const { options } = simulator;
  const limits = new Limits(options, now);
  const faults = new Faults(options);
  const statistics = new Statistics();
  const stopped = new AbortController();
  // Every waiting response listens to this signal.
  setMaxListeners(0, stopped.signal);

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/' } = request;
    const path = url.replace(/\?.*$/s, '');
    if (path.startsWith('/_simulator/')) {
      const body = await controlBody(request);
      const answer = body.refused ?? control(simulator, statistics, `${method} ${path}`, body.value);
      return send(response, answer, stopped.signal);
    }
    const refused = limits.begin();
    response.once('close', () => limits.end());
    statistics.request(path, limits.inFlight);
    const body = await readBody(request, path.endsWith('/json_imports') ? MAX_IMPORT_BYTES : MAX_BODY_BYTES);
    if (refused !== undefined) {
      statistics.status(refused.status);
      return send(response, refused, stopped.signal);
    }
    if (options.latency > 0) await wait(options.latency, undefined, { signal: stopped.signal });
    const origin = `http://${request.headers.host ?? '127.0.0.1'}`;
    const { authorization } = request.headers;
    const fault = faults.next();
    const answer =
      fault !== undefined && faults.comesFirst(method, fault)
        ? refusal(500, 'The request took no effect')
        : (body.refused ?? simulator.answer({ method, url, authorization, body: body.value, origin }));
    if (fault !== undefined) {
      statistics.fault();
      return sendFault(response, fault, answer, limits.tooMany(), stopped.signal);
    }
    statistics.status(answer.status);
    return send(response, answer, stopped.signal);
  }

  const server = createServer((request, response) => {
    if (refuseForeign(request, response)) return;
    respond(request, response).catch((error: unknown) => {
      if (!stopped.signal.aborted && !request.destroyed)
        logger.error({ err: error, url: request.url }, 'request failed');
      response.destroy();
    });
  });
  const listening = once(server, 'listening');
  server.listen(port, '127.0.0.1');
  await listening.catch((error: unknown) => {
    throw new LocalServiceError(
      `port ${port} cannot be opened (${messageOf(error)}): choose another with --port`,
    );
  });
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  return {
    /** The value for CHARTMOGUL_BASE_URL. */
    baseUrl: `http://127.0.0.1:${bound}/v1`,
    statistics,
    async close() {
      stopped.abort();
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

const MAX_BODY_BYTES = 1024 * 1024;
/** ChartMogul's limit. */
const MAX_IMPORT_BYTES = 5_000_000;
const MAX_CONTROL_BYTES = 4096;

/** The parsed body of a request, or the response that refuses it. */
type Body = { readonly refused: Answer } | { readonly refused?: undefined; readonly value: unknown };

/**
 * Reads a body that is declared as JSON. Refuses any other, because a web page of any origin could
 * send it.
 */
async function controlBody(request: IncomingMessage): Promise<Body> {
  const isJson = /^application\/json *(;|$)/i.test(request.headers['content-type'] ?? '');
  if (isJson || !hasBody(request)) return readBody(request, MAX_CONTROL_BYTES);
  request.resume();
  return { refused: refusal(415, 'Unsupported media type: Content-Type must be application/json') };
}

function hasBody({ method }: IncomingMessage): boolean {
  return method !== 'GET' && method !== 'HEAD';
}

async function readBody(request: IncomingMessage, maxBytes: number): Promise<Body> {
  if (!hasBody(request)) {
    request.resume();
    return { value: undefined };
  }
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += part.length;
      if (bytes > maxBytes) {
        request.resume();
        return { refused: refusal(413, 'The body is too large') };
      }
      parts.push(part);
    }
    return { value: JSON.parse(Buffer.concat(parts).toString('utf8')) as unknown };
  } catch {
    return { refused: refusal(400, 'The body is not JSON') };
  }
}
