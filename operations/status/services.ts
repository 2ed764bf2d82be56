import { KafkaAdmin } from '../../core/kafka/admin.ts';
import { Registry } from '../../core/avro/registry.ts';
import { Database } from '../../core/clickhouse/database.ts';
import type { Settings } from '../../core/settings/config.ts';
import { EtlError, messageOf } from '../../core/errors.ts';
import { toEtlError } from '../../core/kafka/kafka-error.ts';
import { probeRetry } from '../../core/retry.ts';
import { StorageTables } from './table-facts.ts';

/**
 * Connects to the services. If one does not answer, its results are undefined, `failures` gets a
 * line, and the rest of the status is still reported.
 */
export class Services {
  readonly #settings: Settings;
  readonly #signal: AbortSignal;
  readonly #failures = new Set<string>();
  #admin: KafkaAdmin | undefined;
  #registry: Registry | undefined;
  #database: Database | undefined;

  constructor(settings: Settings, signal: AbortSignal) {
    this.#settings = settings;
    this.#signal = signal;
  }

  /** Returns one line for each failed request. */
  get failures(): readonly string[] {
    return [...this.#failures];
  }

  /** Connects to all three services. @throws the signal's reason. */
  async connect(): Promise<void> {
    const { kafka, schemaRegistry, clickhouse } = this.#settings;
    const signal = this.#signal;
    await Promise.all([
      this.#attempt(async () => {
        this.#admin = await KafkaAdmin.connect(kafka, 'status', signal, probeRetry);
      }),
      this.#attempt(async () => {
        this.#registry = await Registry.connect(schemaRegistry, signal);
      }),
      this.#attempt(async () => {
        this.#database = await Database.connect(clickhouse, signal, probeRetry);
      }),
    ]);
  }

  async close(): Promise<void> {
    await Promise.all([this.#admin?.close(), this.#database?.close()]);
  }

  kafka<T>(work: (admin: KafkaAdmin) => Promise<T>): Promise<T | undefined> {
    return this.#with(this.#admin, work);
  }

  registry<T>(work: (registry: Registry) => Promise<T>): Promise<T | undefined> {
    return this.#with(this.#registry, work);
  }

  clickhouse<T>(work: (tables: StorageTables) => Promise<T>): Promise<T | undefined> {
    return this.#with(this.#database && new StorageTables(this.#database), work);
  }

  async #with<S, T>(service: S | undefined, work: (service: S) => Promise<T>): Promise<T | undefined> {
    return service === undefined ? undefined : this.#attempt(() => work(service));
  }

  /** @throws the signal's reason, and errors that are bugs. */
  async #attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (thrown) {
      this.#signal.throwIfAborted();
      const error = toEtlError(thrown, this.#settings.kafka);
      if (!(error instanceof EtlError)) throw error;
      this.#failures.add(messageOf(error));
      return undefined;
    }
  }
}
