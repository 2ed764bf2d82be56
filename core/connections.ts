import { setMaxListeners } from 'node:events';
import { Registry } from './avro/registry.ts';
import { Database } from './clickhouse/database.ts';
import { StoppedError } from './errors.ts';
import { KafkaAdmin } from './kafka/admin.ts';
import { toEtlError } from './kafka/kafka-error.ts';
import type { Settings } from './settings/config.ts';

/** Clients of the three services. */
export interface Services {
  readonly admin: KafkaAdmin;
  readonly registry: Registry;
  readonly database: Database;
}

/** What the work of a command shares: settings, a signal, and the services that it asked for. */
export type Connections<Name extends keyof Services = keyof Services> = Pick<Services, Name> & {
  readonly settings: Settings;
  /** Aborts every request. Also aborts when the work is over, so that no request outlives it. */
  readonly signal: AbortSignal;
};

/** What a command needs. */
export interface Role<Name extends keyof Services> {
  /** Names the Kafka clients. */
  readonly name: string;
  readonly needs: readonly Name[];
  /** How long requests may continue after the caller's signal aborts, once the work has begun. */
  readonly graceMs?: number;
}

/**
 * Opens and probes the services of a role, runs the work, and closes the services on every path.
 * Translates errors of kafkajs.
 *
 * @throws ServiceUnavailableError or ServiceRefusedError if a service does not answer; what the work
 *   throws; the signal's reason.
 */
export async function withConnections<Name extends keyof Services, T>(
  settings: Settings,
  { name, needs, graceMs = 0 }: Role<Name>,
  signal: AbortSignal,
  work: (connections: Connections<Name>) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const running = new AbortController();
  setMaxListeners(0, running.signal);
  let hasBegun = false;
  const onAbort = () => {
    if (!hasBegun || graceMs === 0) running.abort(signal.reason);
    else setTimeout(() => running.abort(signal.reason), graceMs).unref();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  const services: Partial<{ -readonly [Key in keyof Services]: Services[Key] }> = {};
  const isNeeded = (service: keyof Services) => needs.some((needed) => needed === service);
  try {
    if (isNeeded('registry'))
      services.registry = await Registry.connect(settings.schemaRegistry, running.signal);
    if (isNeeded('database')) services.database = await Database.connect(settings.clickhouse, running.signal);
    if (isNeeded('admin')) services.admin = await KafkaAdmin.connect(settings.kafka, name, running.signal);
    signal.throwIfAborted();
    hasBegun = true;
    return await work({ ...services, settings, signal: running.signal } as Connections<Name>);
  } catch (error) {
    throw toEtlError(error, settings.kafka);
  } finally {
    signal.removeEventListener('abort', onAbort);
    running.abort(new StoppedError('the work is over'));
    await Promise.all([services.admin?.close(), services.database?.close()]);
  }
}
