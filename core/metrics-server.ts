import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { collectDefaultMetrics, Counter, Gauge, type Registry } from 'prom-client';
import { ConfigError, messageOf } from './errors.ts';
import type { Health } from './health.ts';
import { refuseForeign } from './http/foreign-request.ts';
import { logger } from './logger.ts';
import { visibleLine } from './terminal/terminal.ts';

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  /** A counter's value never falls. */
  readonly value: number;
}

export interface Metric {
  readonly kind: 'counter' | 'gauge';
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  /** Called at each scrape. The returned values replace those of the previous scrape. */
  readonly samples: () => readonly Sample[];
}

/** @throws Error if the registry has a metric of that name. */
export function addMetric(registry: Registry, { kind, name, help, labelNames, samples }: Metric): void {
  const MetricClass = kind === 'gauge' ? Gauge : Counter;
  const metric: Gauge | Counter = new MetricClass({
    name,
    help,
    labelNames,
    registers: [registry],
    collect: () => {
      metric.reset();
      // After the reset, increasing a gauge sets it to the value.
      for (const { labels, value } of samples()) metric.inc(labels, value);
    },
  });
}

/** Only a few scrapers connect. A flood of connections must not exhaust the process. */
const MAX_CONNECTIONS = 50;
/** A client may pipeline thousands of requests on a connection: the excess receives 503. */
const MAX_REQUESTS_PER_CONNECTION = 10;
/** The time limit for receiving a request: idle connections must not block probes. */
const REQUEST_MS = 3_000;
/** Must be shorter than the timeout of a probe, which is 5 s in deploy/ and in the Dockerfile. */
const READY_WITHIN_MS = 4_000;

/**
 * Serves `GET /metrics` for Prometheus, with the metrics of the process (CPU, memory, event loop),
 * and the probes `/healthz` (200 unless only a restart helps) and `/readyz` (200 if the process can
 * do its work; otherwise 503 with the reason). Listens on every interface, because scrapers usually
 * run in another container or host. Once the server listens, its failures do not affect the work.
 * @param port the setting METRICS_PORT; nothing is served without it.
 * @throws ConfigError if the server cannot listen on the port; Error if `registry` is already
 *   served.
 */
export async function serveMetrics(port: number | undefined, registry: Registry, health: Health) {
  if (port === undefined) return { close: () => Promise.resolve() };
  const limits = { headersTimeout: REQUEST_MS, requestTimeout: REQUEST_MS, connectionsCheckingInterval: 500 };
  const server = createServer(limits, (request, response) => {
    if (!refuseForeign(request, response, 'network')) void answer(request, response, registry, health);
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.maxRequestsPerSocket = MAX_REQUESTS_PER_CONNECTION;
  await listen(server, port);
  server.on('error', (error) => logger.warn({ reason: messageOf(error) }, 'metrics server failed'));
  collectDefaultMetrics({ register: registry });
  logger.info({ port, paths: '/metrics /healthz /readyz' }, 'metrics and health are served');
  return { close: () => close(server) };
}

const PLAIN_TEXT = 'text/plain; charset=utf-8';

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  registry: Registry,
  health: Health,
): Promise<void> {
  const path = request.url?.split('?')[0];
  const isKnown = path === '/metrics' || path === '/healthz' || path === '/readyz';
  if (!isKnown) end(response, 404, 'metrics are at /metrics, probes at /healthz and /readyz\n');
  else if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    end(response, 405, 'only GET is allowed\n');
  } else if (path === '/metrics') await sendMetrics(response, registry);
  else await probe(response, () => (path === '/healthz' ? health.stuck() : readinessOf(health)));
}

async function sendMetrics(response: ServerResponse, registry: Registry): Promise<void> {
  try {
    end(response, 200, await registry.metrics(), registry.contentType);
  } catch (error) {
    logger.warn({ reason: messageOf(error) }, 'metrics cannot be collected');
    end(response, 500, 'metrics cannot be collected: see the log\n');
  }
}

/** Responds with 200, or with 503 and the reason. */
async function probe(
  response: ServerResponse,
  reasonOf: () => string | undefined | Promise<string | undefined>,
): Promise<void> {
  try {
    const reason = await reasonOf();
    end(response, reason === undefined ? 200 : 503, `${reason === undefined ? 'ok' : visibleLine(reason)}\n`);
  } catch (error) {
    logger.warn({ reason: messageOf(error) }, 'health cannot be determined');
    end(response, 503, 'health cannot be determined: see the log\n');
  }
}

async function readinessOf(health: Health): Promise<string | undefined> {
  const timeout = new AbortController();
  const late = delay(READY_WITHIN_MS, `readiness is not known within ${READY_WITHIN_MS / 1000} s`, {
    signal: timeout.signal,
    ref: false,
  }).catch(() => undefined);
  try {
    return health.stuck() ?? (await Promise.race([health.unready(), late]));
  } finally {
    timeout.abort();
  }
}

function end(response: ServerResponse, status: number, text: string, type = PLAIN_TEXT): void {
  response.writeHead(status, { 'content-type': type }).end(text);
}

async function listen(server: Server, port: number): Promise<void> {
  try {
    // Without a host, Node listens on IPv6 and IPv4, or only on IPv4 if there is no IPv6.
    await once(server.listen(port), 'listening');
  } catch (error) {
    throw new ConfigError(`METRICS_PORT is ${port}, ${whyNot(error)}`, { cause: error });
  }
}

function whyNot(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE')
    return 'which is in use: set a free port, a different one for each process, or unset it';
  if (code === 'EACCES') return 'which this user may not use: set a port of 1024 or higher';
  return `which cannot be used: ${messageOf(error)}`;
}

/**
 * Also closes idle connections of scrapers and hanging requests: either would keep the process
 * alive.
 */
async function close(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}
