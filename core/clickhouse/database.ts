import type { Row } from '@clickhouse/client';
import type { ClickHouseSettings } from '../settings/config.ts';
import { ServiceRefusedError } from '../errors.ts';
import { retry, serviceRetry, type CallOptions, type RetryPolicy } from '../retry.ts';
import {
  askRows,
  clickHouseError,
  createClickHouse,
  longStatement,
  mayStay,
  probeClickHouse,
  type ClickHouseClient,
  type ServerSettings,
} from './client.ts';

/** The maximum number of attempts on an error that may be permanent: two minutes of steadyRetry. */
const MAX_ANSWERS = 30;

/** Keeps proxies from closing a connection while the server works on a long statement. */
const longCommand = {
  ...longStatement,
  send_progress_in_http_headers: 1,
  http_headers_progress_interval_ms: '20000',
} as const;

const longQuery = { ...longCommand, output_format_json_quote_64bit_integers: 1 } as const;

/**
 * Runs statements, retries temporary failures, and translates errors. Errors name the work
 * (`doing`), never values. All methods throw ServiceUnavailableError, ServiceRefusedError or the
 * signal's reason.
 */
export class Database {
  readonly client: ClickHouseClient;
  readonly settings: ClickHouseSettings;
  readonly signal: AbortSignal;
  readonly #policy: RetryPolicy;
  /**
   * Shared with the copies that {@link with} returns. The first stream opens `streaming`, which
   * reads responses of any size.
   */
  readonly #shared: { streaming?: ClickHouseClient; version?: string };

  constructor(
    client: ClickHouseClient,
    settings: ClickHouseSettings,
    { signal, policy = serviceRetry }: Pick<CallOptions, 'signal'> & Partial<CallOptions>,
    shared: { streaming?: ClickHouseClient; version?: string } = {},
  ) {
    this.client = client;
    this.settings = settings;
    this.signal = signal;
    this.#policy = policy;
    this.#shared = shared;
  }

  /** Returns a connection once ClickHouse has answered a query. The caller closes it. */
  static async connect(settings: ClickHouseSettings, signal: AbortSignal): Promise<Database> {
    const client = createClickHouse(settings);
    try {
      const version = await probeClickHouse(client, settings, signal);
      return new Database(client, settings, { signal }, { version });
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  get name(): string {
    return this.settings.database;
  }

  /** Returns the same connection with another signal or retry policy. */
  with({ signal = this.signal, policy = this.#policy }: Partial<CallOptions>): Database {
    return new Database(this.client, this.settings, { signal, policy }, this.#shared);
  }

  async close(): Promise<void> {
    await Promise.all([this.client.close(), this.#shared.streaming?.close()]);
  }

  get version(): string {
    return this.#shared.version ?? '';
  }

  /** @param settings of this query, in addition to those of the client. */
  rows<T>(doing: string, query: string, settings: ServerSettings = {}): Promise<T[]> {
    return this.retried(doing, () => askRows<T>(this.client, query, this.signal, settings));
  }

  /** Returns the rows of a response of any length as they arrive. 64-bit integers are strings. */
  async rowStream<T>(doing: string, query: string): Promise<AsyncIterable<T>> {
    const { settings, signal } = this;
    const client = (this.#shared.streaming ??= createClickHouse(settings, undefined, { isStreamed: true }));
    const options = { format: 'JSONEachRow', clickhouse_settings: longQuery } as const;
    const answer = await this.retried(doing, () => client.query({ query, abort_signal: signal, ...options }));
    return this.#rowsOf<T>(doing, answer.stream());
  }

  async *#rowsOf<T>(doing: string, stream: AsyncIterable<readonly Pick<Row, 'json'>[]>): AsyncGenerator<T> {
    try {
      for await (const rows of stream) {
        for (const row of rows) {
          const value = row.json<T>();
          if (isException(value)) throw new ServiceRefusedError(`${doing}: ClickHouse aborted its response`);
          yield value;
        }
      }
    } catch (error) {
      throw this.#translated(error, doing);
    }
  }

  /** Returns all rows of a query that may take a long time. 64-bit integers are strings. */
  async allRows<T>(doing: string, query: string): Promise<T[]> {
    const rows: T[] = [];
    for await (const row of await this.rowStream<T>(doing, query)) rows.push(row);
    return rows;
  }

  async command(doing: string, query: string, settings: ServerSettings = longCommand): Promise<void> {
    await this.retried(doing, () =>
      this.client.command({ query, abort_signal: this.signal, clickhouse_settings: settings }),
    );
  }

  /** @throws ServiceRefusedError, ServiceUnavailableError, the signal's reason. */
  retried<T>(doing: string, work: () => Promise<T>): Promise<T> {
    let answers = 0;
    return retry({ service: 'clickhouse', doing }, this.#policy, this.signal, async () => {
      try {
        return await work();
      } catch (error) {
        const failure = this.#translated(error, doing);
        if (!mayStay(failure) || ++answers < MAX_ANSWERS) throw failure;
        const message = `${failure.message}; the error persists after ${answers} attempts`;
        throw new ServiceRefusedError(message, { cause: error });
      }
    });
  }

  /** @throws the signal's reason if the work was stopped. */
  #translated(error: unknown, doing: string): Error {
    this.signal.throwIfAborted();
    return clickHouseError(error, this.settings, doing);
  }
}

/** Some servers report a late failure as a row (`http_write_exception_in_output_format`). */
function isException(row: unknown): boolean {
  return typeof row === 'object' && row !== null && Object.keys(row).join() === 'exception';
}
