import type { Registry } from '../../core/avro/registry.ts';
import type { AvailableServices } from '../../core/connections.ts';
import type { Settings } from '../../core/settings/config.ts';
import { EtlError, messageOf } from '../../core/errors.ts';
import type { KafkaAdmin } from '../../core/kafka/admin.ts';
import { toEtlError } from '../../core/kafka/kafka-error.ts';
import { probeRetry } from '../../core/retry.ts';
import { StorageTables } from './table-facts.ts';

/** Queries the services. A failed query returns undefined and adds a line to `failures`. */
export class StatusServices {
  readonly settings: Settings;
  readonly signal: AbortSignal;
  /** One line for each service or query that failed. */
  readonly failures: Set<string>;
  readonly #available: AvailableServices;

  constructor(available: AvailableServices, failures: Set<string>) {
    this.settings = available.settings;
    this.signal = available.signal;
    this.failures = failures;
    this.#available = available;
  }

  kafka<T>(query: (admin: KafkaAdmin) => Promise<T>): Promise<T | undefined> {
    return this.#attempt(this.#available.admin?.with({ policy: probeRetry }), query);
  }

  registry<T>(query: (registry: Registry) => Promise<T>): Promise<T | undefined> {
    return this.#attempt(this.#available.registry, query);
  }

  clickhouse<T>(query: (tables: StorageTables) => Promise<T>): Promise<T | undefined> {
    const database = this.#available.database?.with({ policy: probeRetry });
    return this.#attempt(database && new StorageTables(database), query);
  }

  /** @throws the signal's reason, and errors that are bugs. */
  async #attempt<S, T>(service: S | undefined, query: (service: S) => Promise<T>): Promise<T | undefined> {
    if (service === undefined) return undefined;
    try {
      return await query(service);
    } catch (thrown) {
      this.signal.throwIfAborted();
      const error = toEtlError(thrown, this.settings.kafka);
      if (!(error instanceof EtlError)) throw error;
      this.failures.add(messageOf(error));
      return undefined;
    }
  }
}
