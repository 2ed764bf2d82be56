import { createHash, timingSafeEqual } from 'node:crypto';
import {
  fastify,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { EtlError, messageOf, ServiceUnavailableError } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import type { Secret } from '../../core/settings/secret.ts';
import { RequestBudget } from './request-budget.ts';
import { WebhookMetrics } from './webhook-metrics.ts';

const MAX_BODY_BYTES = 1024 * 1024;
const MAX_CONNECTIONS = 2_000;
const WARNING_INTERVAL_MS = 10_000;
const RETRY_AFTER_SECONDS = '5';
/** Longer than common proxies keep idle connections open, so that the proxy closes them first. */
const KEEP_ALIVE_MS = 75_000;
/** The time within which requests must end once the receiver stops. */
const STOP_MS = 7_000;

const standardLimits = {
  /** Maximum number and total size of the requests that are in memory at the same time. */
  heldRequests: 1_000,
  heldBytes: 64 * 1024 * 1024,
  /** The times within which the headers and the entire request must arrive. */
  headersMs: 10_000,
  requestMs: 20_000,
  /** Maximum time for which a request waits for Kafka and the registry. */
  commitMs: 5_000,
};

/** Stores a body. Returns the reason if it became a dead letter. */
export type StoreEvent = (body: Buffer) => Promise<EtlError | undefined>;

/**
 * The HTTP server of the webhook. Unlike the other servers, it does not check `Host` and `Origin`:
 * a proxy may forward any host, and no web page knows the token.
 */
export class Receiver {
  /** Undefined until Kafka and the registry have responded. */
  storeEvent: StoreEvent | undefined;
  readonly metrics: WebhookMetrics;
  readonly health = {
    stuck: () => undefined,
    unready: () =>
      this.storeEvent === undefined ? 'Kafka or the registry has not responded yet' : undefined,
  };
  readonly #app: FastifyInstance;
  readonly #token: Buffer;
  readonly #budget: RequestBudget;
  readonly #commitMs: number;
  /** The work for each request, which may continue after the response. */
  readonly #work = new WeakMap<FastifyRequest, Promise<unknown>>();
  #isStopping = false;
  #warnedMs = -Infinity;

  constructor(token: Secret, limits: Partial<typeof standardLimits> = {}) {
    const { heldRequests, heldBytes, headersMs, requestMs, commitMs } = { ...standardLimits, ...limits };
    this.#token = digestOf(token.reveal());
    this.#budget = new RequestBudget(heldRequests, heldBytes);
    this.#commitMs = commitMs;
    this.metrics = new WebhookMetrics(() => this.#budget.requests);
    this.#app = fastify({
      bodyLimit: MAX_BODY_BYTES,
      requestTimeout: requestMs,
      keepAliveTimeout: KEEP_ALIVE_MS,
      http: { headersTimeout: headersMs, connectionsCheckingInterval: Math.min(headersMs, 1_000) },
      forceCloseConnections: 'idle',
      frameworkErrors: (_error, _request, reply) => void notFound(reply),
      routerOptions: { maxParamLength: 1_000 },
    });
    this.#app.server.maxConnections = MAX_CONNECTIONS;
    this.#addRoutes();
  }

  /** Listens, and returns the port. @throws Node's error if the address cannot be used. */
  async listen(host: string, port: number): Promise<number> {
    await this.#app.listen({ host, port });
    const address = this.#app.server.address();
    return typeof address === 'object' && address !== null ? address.port : port;
  }

  /**
   * Responds to the requests that have begun, and stops. Closes connections that are still open
   * after STOP_MS.
   */
  async close(): Promise<void> {
    this.#isStopping = true;
    const timer = setTimeout(() => this.#app.server.closeAllConnections(), STOP_MS);
    await this.#app.close();
    clearTimeout(timer);
  }

  #addRoutes(): void {
    const app = this.#app;
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    app.setNotFoundHandler((_request, reply) => notFound(reply));
    app.setErrorHandler<FastifyError>((error, _request, reply) => this.#answerError(error, reply));
    app.addHook('onSend', async (_request, reply) => {
      void reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
      if (this.#isStopping) void reply.header('connection', 'close');
    });
    app.all<{ Params: { token: string }; Body: Buffer | undefined }>(
      '/chartmogul/:token',
      { onRequest: async (request, reply) => this.#admit(request, request.params.token, reply) },
      (request, reply) => this.#receive(request, request.body ?? Buffer.alloc(0), reply),
    );
  }

  /**
   * Responds to a request that is rejected before its body is read. Returns undefined for any
   * other request.
   */
  #admit(request: FastifyRequest, token: string, reply: FastifyReply): FastifyReply | undefined {
    if (!timingSafeEqual(digestOf(token), this.#token)) return notFound(reply);
    // The body decides whether a request is an event. Fastify would refuse content types that it
    // cannot parse.
    request.raw.headers['content-type'] = 'application/octet-stream';
    const declared = Number(request.headers['content-length'] ?? MAX_BODY_BYTES);
    const bytes = Math.min(declared, MAX_BODY_BYTES);
    const isHeld = request.method === 'POST' && this.#budget.take(bytes);
    const startMs = performance.now();
    reply.raw.once('close', () => {
      this.#note(reply, performance.now() - startMs);
      if (isHeld) void this.#work.get(request)?.finally(() => this.#budget.giveBack(bytes));
    });
    if (isHeld) this.#work.set(request, Promise.resolve());
    if (request.method !== 'POST')
      return answer(reply.header('allow', 'POST'), 405, 'the webhook accepts only POST');
    return isHeld && this.storeEvent !== undefined ? undefined : unavailable(reply);
  }

  async #receive(request: FastifyRequest, body: Buffer, reply: FastifyReply): Promise<FastifyReply> {
    if (this.storeEvent === undefined) return unavailable(reply);
    const work = this.storeEvent(body);
    this.#work.set(
      request,
      work.catch(() => undefined),
    );
    const rejection = await within(this.#commitMs, work);
    if (rejection === undefined) return reply.send({ status: 'stored' });
    return answer(reply, 422, `${messageOf(rejection)}. The request is now on the dead-letter topic`);
  }

  #answerError(error: FastifyError, reply: FastifyReply): FastifyReply {
    if (error instanceof EtlError) {
      this.#warn(messageOf(error));
      return unavailable(reply);
    }
    // Fastify's own errors are faults of the request, such as a body that is too large.
    const { statusCode = 500 } = error;
    if (statusCode < 500) return answer(reply.header('connection', 'close'), statusCode, messageOf(error));
    logger.error({ reason: messageOf(error) }, 'webhook failed');
    return answer(reply, 500, 'the receiver failed: see its log');
  }

  /** Warns of an outage at most every 10 s, because each request fails. */
  #warn(reason: string): void {
    if (performance.now() - this.#warnedMs < WARNING_INTERVAL_MS) return;
    this.#warnedMs = performance.now();
    logger.warn({ reason }, 'events are not stored: ChartMogul has to send them again');
  }

  /** Never logs the URL, which contains the token. */
  #note({ statusCode: status, raw, request }: FastifyReply, ms: number): void {
    const { method, ip } = request;
    const line = { method, ip, ms: Math.round(ms) };
    if (raw.writableFinished) {
      this.metrics.count(status);
      logger.info({ ...line, status }, 'request');
    } else {
      logger.info(line, 'request ended before its response');
    }
  }
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** The response to every wrong path is the same, so that a guess reveals nothing. */
function notFound(reply: FastifyReply): FastifyReply {
  return answer(reply.header('connection', 'close'), 404, 'not found');
}

function unavailable(reply: FastifyReply): FastifyReply {
  return answer(
    reply.header('retry-after', RETRY_AFTER_SECONDS),
    503,
    'the event cannot be stored now: send it again',
  );
}

function answer(reply: FastifyReply, status: number, error: string): FastifyReply {
  return reply.code(status).send({ error });
}

/** Awaits the work. @throws ServiceUnavailableError if it takes longer. */
async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const reason = `Kafka or the registry did not respond within ${ms / 1000} s`;
    timer = setTimeout(() => reject(new ServiceUnavailableError(reason)), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
