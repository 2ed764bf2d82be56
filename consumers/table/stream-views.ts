import { isDeepStrictEqual } from 'node:util';
import type { Database } from '../../core/clickhouse/database.ts';
import { IncompatibleSchemaError } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import { runDefinition } from './table-ddl.ts';
import { readStreamColumns, type TableColumn } from './table-shape.ts';
import { readView, shows, streamsInViewsOf, viewFault, viewStatements, type ViewStatement } from './view.ts';

export interface StreamViewsOptions {
  readonly database: Database;
  readonly stream: string;
  /** Whether views that were created or changed by hand are replaced too. */
  readonly replacesViews?: boolean;
}

/** The views over the storage table of one stream. */
export class StreamViews {
  readonly #options: StreamViewsOptions;
  #current: readonly ViewStatement[] = [];

  constructor(options: StreamViewsOptions) {
    this.#options = options;
  }

  /** Makes the next {@link update} compare the views with the server's. */
  forget(): void {
    this.#current = [];
  }

  /** Updates the views until they match the tables, which other sinks may change. */
  async update(columns: readonly TableColumn[]): Promise<void> {
    let expected = await this.#viewStatements(columns);
    while (!isDeepStrictEqual(expected, this.#current)) {
      for (const view of expected) await this.#updateView(view);
      this.#current = expected;
      expected = await this.#viewStatements(columns);
    }
  }

  async #updateView(view: ViewStatement): Promise<void> {
    const { database, stream, replacesViews } = this.#options;
    const run = (query: string) => runDefinition(database, `change view ${view.name}`, query);
    let found = await readView(database, view.name);
    if (found === undefined) {
      await run(view.create);
      // By now another sink may have created the view, or another stream its table.
      found = await readView(database, view.name);
      if (found === undefined || shows(found, view)) return;
    }
    const name = `${database.name}.${view.name}`;
    const fault = viewFault(found, view);
    if (found.engine !== 'View') throw new IncompatibleSchemaError(`${name} ${fault}`);
    if (fault === undefined || replacesViews === true) await run(view.replace);
    if (fault === undefined) return;
    if (replacesViews === true)
      logger.warn(
        { view: view.name, query: found.as_select },
        `view ${name} was created or changed by hand and is replaced`,
      );
    else logger.warn({ stream, view: view.name }, `view ${name} ${fault}`);
  }

  async #viewStatements(columns: readonly TableColumn[]): Promise<ViewStatement[]> {
    const { database, stream } = this.#options;
    const tables = await readStreamColumns(database, streamsInViewsOf(stream));
    return viewStatements(database.settings, stream, tables.get(stream) ?? columns, tables);
  }
}
