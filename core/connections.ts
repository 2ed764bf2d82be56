import { setMaxListeners } from 'node:events';
import { allSettled } from './all-settled.ts';
import { Registry } from './avro/registry.ts';
import { Database } from './clickhouse/database.ts';
import { EtlError, StoppedError } from './errors.ts';
import { KafkaAdmin } from './kafka/admin.ts';
import { toEtlError } from './kafka/kafka-error.ts';
import type { Settings } from './settings/config.ts';

export interface Services {
  readonly admin: KafkaAdmin;
  readonly registry: Registry;
  readonly database: Database;
}

interface Shared {
  readonly settings: Settings;
  /** Aborts every request. Also aborts when the work is over, so that no request outlives it. */
  readonly signal: AbortSignal;
}

export type AvailableServices = Partial<Services> & Shared;

export type Connections<Name extends keyof Services = keyof Services> = Pick<Services, Name> & Shared;

interface Role<Name extends keyof Services> {
  /** Names the Kafka clients. */
  readonly name: string;
  readonly needs: readonly Name[];
  /**
   * The time for which requests may continue after the caller's signal aborts, once the work has
   * begun.
   */
  readonly graceMs?: number;
}

type Open = (service: keyof Services) => Promise<void>;

/** Services open in parallel. If several fail, the first failure in this order is thrown. */
const openingOrder = ['registry', 'database', 'admin'] as const;

/**
 * Opens the services that a role needs, in parallel, runs the work, and closes the services on
 * every path.
 * @throws ServiceUnavailableError or ServiceRefusedError if a service does not respond or refuses
 *   the connection; what the work throws; the signal's reason.
 */
export async function withConnections<Name extends keyof Services, T>(
  settings: Settings,
  { name, needs, graceMs = 0 }: Role<Name>,
  signal: AbortSignal,
  work: (connections: Connections<Name>) => Promise<T>,
): Promise<T> {
  const openNeeded = async (open: Open) => {
    const needed = openingOrder.filter((service) => needs.some((one) => one === service));
    // No service may open after the others have been closed.
    await allSettled(needed.map(open));
  };
  return withOpened(settings, { name, graceMs }, signal, openNeeded, (opened) =>
    work(opened as Connections<Name>),
  );
}

/**
 * Runs the work with the services that respond, and closes them on every path.
 * @param onUnavailable receives the error of each service that cannot be opened.
 * @throws what the work throws; the signal's reason.
 */
export async function withAvailableServices<T>(
  settings: Settings,
  name: string,
  signal: AbortSignal,
  onUnavailable: (error: EtlError, service: keyof Services) => void,
  work: (available: AvailableServices) => Promise<T>,
): Promise<T> {
  const openAvailable = async (open: Open) => {
    const attempts = openingOrder.map((service) =>
      open(service).catch((thrown: unknown) => {
        signal.throwIfAborted();
        const error = toEtlError(thrown, settings.kafka);
        if (!(error instanceof EtlError)) throw error;
        onUnavailable(error, service);
      }),
    );
    // No service may open after the others have been closed.
    await Promise.all(attempts).finally(() => Promise.allSettled(attempts));
  };
  return withOpened(settings, { name, graceMs: 0 }, signal, openAvailable, work);
}

async function withOpened<T>(
  settings: Settings,
  { name, graceMs }: { readonly name: string; readonly graceMs: number },
  signal: AbortSignal,
  openAll: (open: Open) => Promise<void>,
  work: (opened: AvailableServices) => Promise<T>,
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
  const { kafka, schemaRegistry, clickhouse } = settings;
  const services: Partial<{ -readonly [Key in keyof Services]: Services[Key] }> = {};
  const open: Open = async (service) => {
    if (service === 'registry') services.registry = await Registry.connect(schemaRegistry, running.signal);
    else if (service === 'database') services.database = await Database.connect(clickhouse, running.signal);
    else services.admin = await KafkaAdmin.connect(kafka, name, running.signal);
  };
  try {
    await openAll(open);
    signal.throwIfAborted();
    hasBegun = true;
    return await work({ ...services, settings, signal: running.signal });
  } catch (error) {
    throw toEtlError(error, kafka);
  } finally {
    signal.removeEventListener('abort', onAbort);
    running.abort(new StoppedError('the work has ended'));
    await Promise.all([services.admin?.close(), services.database?.close()]);
  }
}
