import type { Agent, ClientRequest, IncomingMessage } from 'node:http';
import { sizeLimit, TooLargeError } from '../size-limit.ts';
import { createNodeAgent, type HttpRoute } from './proxy.ts';

/** Calls `hook` with each request of an agent, before anything listens to the request. */
export function onRequest(agent: Agent, hook: (request: ClientRequest) => void): void {
  // Node calls `addRequest` for each request, but its types omit the method.
  const queue = agent as unknown as { addRequest(request: ClientRequest, ...rest: unknown[]): void };
  const addRequest = queue.addRequest.bind(agent);
  queue.addRequest = (request, ...rest) => {
    hook(request);
    addRequest(request, ...rest);
  };
}

/**
 * Returns an agent for clients that use node's http and read entire responses. A response whose
 * body exceeds {@link sizeLimit} fails.
 * @param isWhole returns whether the client reads the entire body of a response with this status.
 */
export function createBoundedAgent(
  route: HttpRoute,
  maxSockets: number,
  isWhole: (status: number) => boolean = () => true,
): Agent {
  const agent = createNodeAgent(route, maxSockets);
  onRequest(agent, (request) => {
    request.prependOnceListener('response', (answer: IncomingMessage) => {
      if (isWhole(answer.statusCode ?? 0)) limit(request, answer);
    });
  });
  return agent;
}

/**
 * Counts bytes where the parser adds them to the body: a `data` listener would take them from the
 * client.
 */
function limit(request: ClientRequest, answer: IncomingMessage): void {
  const push = answer.push.bind(answer);
  let bytes = 0;
  answer.push = (chunk: Buffer | null, encoding?: BufferEncoding) => {
    bytes += chunk?.length ?? 0;
    if (bytes <= sizeLimit()) return push(chunk, encoding);
    const error = new TooLargeError();
    answer.destroy(error);
    // Some clients listen only to the request.
    if (request.listenerCount('error') > 0) request.emit('error', error);
    return false;
  };
}
