import { Agent, type ClientRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Secret } from '../secret.ts';
import { sizeLimit, TooLargeError } from '../size-limit.ts';
import { createProxyAgent } from './proxy.ts';

/** What node calls for each request; its types leave it out. */
interface RequestTaker {
  addRequest(request: ClientRequest, ...rest: unknown[]): void;
}

/**
 * Connections for clients that are built on node's own http and read whole what they get: an answer with more bytes than
 * {@link sizeLimit} fails.
 *
 * @param isWhole whether an answer of this status is read whole.
 */
export function createBoundedAgent(
  address: string,
  proxy: Secret | undefined,
  maxSockets: number,
  isWhole: (status: number) => boolean = () => true,
): Agent {
  const options = { keepAlive: true, maxSockets };
  const isHttps = address.startsWith('https:');
  const agent = proxy
    ? createProxyAgent(address, proxy, maxSockets)
    : isHttps
      ? new HttpsAgent(options)
      : new Agent(options);
  const taker = agent as unknown as RequestTaker;
  const addRequest = taker.addRequest.bind(agent);
  taker.addRequest = (request, ...rest) => {
    request.prependOnceListener('response', (answer: IncomingMessage) => {
      if (isWhole(answer.statusCode ?? 0)) limit(request, answer);
    });
    addRequest(request, ...rest);
  };
  return agent;
}

/** Counted where the parser adds to the body: a listener of its own would take bytes away from the client's. */
function limit(request: ClientRequest, answer: IncomingMessage): void {
  const push = answer.push.bind(answer);
  let bytes = 0;
  answer.push = (chunk: Buffer | null, encoding?: BufferEncoding) => {
    bytes += chunk?.length ?? 0;
    if (bytes <= sizeLimit()) return push(chunk, encoding);
    const error = new TooLargeError();
    answer.destroy(error);
    // Some clients listen to the request alone.
    if (request.listenerCount('error') > 0) request.emit('error', error);
    return false;
  };
}
