import { isDeepStrictEqual } from 'node:util';
import { definition, type ClickHouseClient } from '../../core/clickhouse/client.ts';
import type { ClickHouseSettings } from '../../core/settings/config.ts';
import { IncompatibleSchemaError } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import { readStreamColumns, type TableColumn } from './table-shape.ts';
import {
  readView,
  shows,
  streamsInViewsOf,
  viewFault,
  viewStatements,
  type FoundView,
  type ViewStatement,
} from './view.ts';

export interface StreamViewsOptions {
  readonly client: ClickHouseClient;
  readonly settings: ClickHouseSettings;
  readonly stream: string;
  readonly signal: AbortSignal;
  /** Views that were made or changed by hand are replaced as well. */
  readonly replacesViews?: boolean;
}

/** Retries what ClickHouse does not answer, and translates its errors. `doing` names the work in an error. */
type Ask = <T>(doing: string, work: () => Promise<T>) => Promise<T>;

/** The views over the storage table of one stream. */
export class StreamViews {
  readonly #options: StreamViewsOptions;
  readonly #ask: Ask;
  #made: readonly ViewStatement[] = [];

  constructor(options: StreamViewsOptions, ask: Ask) {
    this.#options = options;
    this.#ask = ask;
  }

  /** The views are compared with the server's again when they are made next. */
  forget(): void {
    this.#made = [];
  }

  /**
   * Makes the views by the tables as they are, and again where these have changed meanwhile. Whoever changes a table makes its
   * views afterwards: so the last to make a view has seen every change, of this process or another.
   */
  async make(columns: readonly TableColumn[]): Promise<void> {
    let wanted = await this.#viewStatements(columns);
    while (!isDeepStrictEqual(wanted, this.#made)) {
      for (const view of wanted) await this.#makeView(view);
      this.#made = wanted;
      wanted = await this.#viewStatements(columns);
    }
  }

  /** Makes a view, or makes it anew; one that was made by hand is left. */
  async #makeView(view: ViewStatement): Promise<void> {
    let found = await this.#readView(view.name);
    if (found === undefined) {
      await this.#command(view.name, view.create);
      // Another sink may have made its view of the name meanwhile, or another stream its table.
      found = await this.#readView(view.name);
      if (found === undefined || shows(found, view)) return;
    }
    const fault = viewFault(found, view);
    const isForced = fault !== undefined && found.engine === 'View' && this.#options.replacesViews === true;
    const name = `${this.#options.settings.database}.${view.name}`;
    if (found.engine !== 'View') throw new IncompatibleSchemaError(`${name} ${fault}`);
    if (fault === undefined || isForced) await this.#command(view.name, view.replace);
    if (isForced)
      logger.warn(
        { view: view.name, query: found.as_select },
        `view ${name} was made or changed by hand, and is replaced`,
      );
    else if (fault !== undefined)
      logger.warn({ stream: this.#options.stream, view: view.name }, `view ${name} ${fault}`);
  }

  async #readView(name: string): Promise<FoundView | undefined> {
    const { client, settings, signal } = this.#options;
    return this.#ask(`view ${name}`, () => readView(client, settings.database, name, signal));
  }

  async #viewStatements(columns: readonly TableColumn[]): Promise<ViewStatement[]> {
    const { client, settings, stream, signal } = this.#options;
    const tables = await this.#ask(`columns of the tables of ${stream}`, () =>
      readStreamColumns(client, settings.database, streamsInViewsOf(stream), signal),
    );
    return viewStatements(settings, stream, tables.get(stream) ?? columns, tables);
  }

  async #command(view: string, query: string): Promise<void> {
    const { client } = this.#options;
    await this.#ask(`change view ${view}`, () => client.command({ query, clickhouse_settings: definition }));
  }
}
