import { fastify, type FastifyInstance } from 'fastify';
import { ConfigError } from '../../core/errors.ts';
import { cannotListen } from '../../core/http/cannot-listen.ts';
import type { Settings } from '../../core/settings/config.ts';
import { isLoopback } from '../../core/settings/setting-values.ts';
import { answerErrors, sendError } from './api-error.ts';
import { bundlePages } from './bundle.ts';
import { createLanes } from './lane.ts';
import { EventHub } from './live/event-hub.ts';
import { LiveStatus } from './live/live-status.ts';
import { servePages } from './pages.ts';
import { routes } from './routes/routes.ts';
import { protect, securityHeaders } from './security.ts';

/** Maximum size of a request body: enough for a long SQL query. */
const MAX_BODY_BYTES = 1024 * 1024;
/** The time within which a request must arrive in full. */
const REQUEST_MS = 30_000;
const MAX_CONNECTIONS = 200;
/** Minimum length of a password that other machines can try. */
const MIN_PASSWORD_LENGTH = 12;

/**
 * Serves the dashboard until the signal aborts.
 * @returns its address; `stopped` resolves once the server has stopped.
 * @throws ConfigError if the server may not or cannot listen on SHOW_HOST and SHOW_PORT; Error if
 *   the pages cannot be bundled; the signal's reason.
 */
export async function startDashboard(
  settings: Settings,
  signal: AbortSignal,
): Promise<{ readonly url: string; readonly stopped: Promise<void> }> {
  const { host, port, password } = settings.show;
  if (!isLoopback(host) && password === undefined)
    throw new ConfigError(
      `SHOW_HOST is ${host}, which other machines can reach: set SHOW_PASSWORD or SHOW_PASSWORD_FILE`,
    );
  if (!isLoopback(host) && password !== undefined && password.reveal().length < MIN_PASSWORD_LENGTH)
    throw new ConfigError(
      `SHOW_PASSWORD must have at least ${MIN_PASSWORD_LENGTH} characters, because other machines can reach SHOW_HOST ${host}`,
    );
  const bundle = await bundlePages();
  signal.throwIfAborted();
  const app = fastify({
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_MS,
    // Event streams never end, so stopping must not wait for them.
    forceCloseConnections: true,
    // Fastify rejects an undecodable URL or an overlong parameter before it runs any hook.
    frameworkErrors: (_error, _request, reply) =>
      void sendError(reply.headers(securityHeaders), 400, 'the address is invalid or too long'),
    routerOptions: { maxParamLength: 1_000 },
  });
  app.server.maxConnections = MAX_CONNECTIONS;
  const token = protect(app, settings.show);
  answerErrors(app);
  const events = new EventHub();
  const status = new LiveStatus(settings, signal, (event, data) => events.send(event, data));
  events.connect({ run: (running) => status.run(running), greeting: () => status.greeting() });
  servePages(app, bundle, token, () => status.latestOverview);
  const lanes = createLanes();
  const latestStatus = () => status.latest;
  const readStatus = () => status.read();
  for (const add of routes) add(app, { settings, signal, events, latestStatus, readStatus, lanes });
  const url = await listen(app, host, port);
  events.warmUp();
  const stopped = new Promise<void>((resolve) => {
    const stop = () => void Promise.allSettled([app.close(), events.close()]).then(() => resolve());
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  return { url, stopped };
}

async function listen(app: FastifyInstance, host: string, port: number): Promise<string> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    await app.close();
    throw cannotListen('SHOW', 'dashboard', { host, port }, error);
  }
  const address = app.server.address();
  const own = typeof address === 'object' && address !== null ? address.port : port;
  return `http://${host.includes(':') ? `[${host}]` : host}:${own}/`;
}
