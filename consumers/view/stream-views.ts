import { isDeepStrictEqual } from 'node:util';
import type { Database } from '../../core/clickhouse/database.ts';
import { IncompatibleSchemaError } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import { viewOf } from '../../core/stream-name.ts';
import { runDefinition } from '../table/table-ddl.ts';
import { describeView, readExpectedViews, readView, shows, viewFault, viewSql, type View } from './view.ts';

export interface StreamViewsOptions {
  readonly database: Database;
  readonly stream: string;
  /** Whether views that were created or changed by hand are replaced too. */
  readonly replacesViews?: boolean;
}

/** The views over the storage table of one stream. */
export class StreamViews {
  readonly #options: StreamViewsOptions;
  #current: readonly View[] = [];

  constructor(options: StreamViewsOptions) {
    this.#options = options;
  }

  /** Makes the next {@link update} compare the views with the server's. */
  forget(): void {
    this.#current = [];
  }

  /** Updates the views until they match the tables, which other sinks may change. */
  async update(): Promise<void> {
    const { database, stream } = this.#options;
    let expected = await readExpectedViews(database, stream);
    while (!isDeepStrictEqual(expected, this.#current)) {
      for (const view of expected) await this.#updateView(view);
      this.#current = expected;
      expected = await readExpectedViews(database, stream);
    }
  }

  async #updateView(view: View): Promise<void> {
    const { database, stream, replacesViews } = this.#options;
    const columns = await describeView(database, view);
    const define = (replaces: boolean) =>
      runDefinition(database, `change view ${view.name}`, viewSql(database, view, columns, replaces));
    let found = await readView(database, view.name);
    if (found === undefined) {
      await define(false);
      // By now another sink may have created the view, or another stream its table.
      found = await readView(database, view.name);
    }
    if (found === undefined || shows(found, view, columns)) return;
    const name = `${database.name}.${view.name}`;
    const fault = viewFault(found, view);
    const isTable = found.engine !== 'View';
    // Only the stream's own view must exist. A user's table may have the name of any other.
    if (isTable && view.name === viewOf(stream)) throw new IncompatibleSchemaError(`${name} ${fault}`);
    if (!isTable && (fault === undefined || replacesViews === true)) await define(true);
    if (fault === undefined) return;
    if (!isTable && replacesViews === true)
      logger.warn(
        { view: view.name, query: found.as_select },
        `view ${name} was created or changed by hand and is replaced`,
      );
    else logger.warn({ stream, view: view.name }, `view ${name} ${fault}`);
  }
}
