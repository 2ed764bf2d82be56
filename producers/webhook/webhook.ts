import { once } from 'node:events';
import { withConnections } from '../../core/connections.ts';
import { ConfigError, messageOf } from '../../core/errors.ts';
import { cannotListen } from '../../core/http/cannot-listen.ts';
import { logger } from '../../core/logger.ts';
import { retry, steadyRetry } from '../../core/retry.ts';
import type { Settings } from '../../core/settings/config.ts';
import { EventStore } from './event-store.ts';
import { Receiver } from './receiver.ts';

/** Longer than the receiver waits for its requests after the signal. */
const GRACE_MS = 8_000;

export interface Webhook {
  /** The URL without the token. */
  readonly url: string;
  readonly receiver: Pick<Receiver, 'metrics' | 'health'>;
  /** Resolves after the signal, once every request that had begun has ended. */
  readonly stopped: Promise<void>;
}

/**
 * Receives MRR movements from ChartMogul until the signal aborts. Listens immediately, and responds
 * with 503 until Kafka and the registry are available.
 *
 * @throws ConfigError without a token, or if the address cannot be used. `stopped` rejects with
 * IncompatibleSchemaError or ServiceRefusedError.
 */
export async function startWebhook(settings: Settings, signal: AbortSignal): Promise<Webhook> {
  const { host, port, token } = settings.webhook;
  if (token === undefined)
    throw new ConfigError(
      'WEBHOOK_TOKEN is not set: set it to a random string, such as the output of `openssl rand -hex 32`',
    );
  const receiver = new Receiver(token);
  const bound = await receiver.listen(host, port).catch(async (error: unknown) => {
    await receiver.close();
    throw cannotListen('WEBHOOK', 'receiver', { host, port }, error);
  });
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${bound}/chartmogul/`;
  const stopped = serve(settings, receiver, signal).finally(() => receiver.close());
  // The caller may do other work before it awaits this.
  stopped.catch(() => undefined);
  return { url, receiver, stopped };
}

/** Stores events until the signal aborts. */
async function serve(settings: Settings, receiver: Receiver, signal: AbortSignal): Promise<void> {
  const role = { name: 'webhook', needs: ['admin', 'registry'], graceMs: GRACE_MS } as const;
  const policy = {
    ...steadyRetry,
    onRetry: (error: Error) =>
      logger.warn({ reason: messageOf(error) }, 'requests get 503 until Kafka and the registry respond'),
  };
  const work = async () =>
    withConnections(settings, role, signal, async (connections) => {
      const store = await EventStore.open(connections);
      receiver.storeEvent = (body) => store.store(body);
      logger.info('ready to store events');
      if (!signal.aborted) await once(signal, 'abort');
      await receiver.close();
      await store.close();
    });
  await retry({ command: 'webhook' }, policy, signal, work).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
