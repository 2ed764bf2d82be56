import { isDeepStrictEqual } from 'node:util';
import type { Database } from '../../core/clickhouse/database.ts';
import { IncompatibleSchemaError, ServiceRefusedError } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import { viewOf } from '../../core/stream-name.ts';
import { runDefinition } from '../table/table-ddl.ts';
import { describeView, readView, shows, viewFault, viewSql } from './found-view.ts';
import { readExpectedViews, type View } from './view.ts';

export interface StreamViewsOptions {
  readonly database: Database;
  readonly stream: string;
  /** Whether to replace even views that were created or changed by hand. */
  readonly replacesViews?: boolean;
}

/** The views over the storage table of one stream. */
export class StreamViews {
  readonly #options: StreamViewsOptions;
  #current: readonly View[] = [];
  readonly #reported = new Set<string>();

  constructor(options: StreamViewsOptions) {
    this.#options = options;
  }

  /** Makes the next {@link update} compare the views with those on the server. */
  forget(): void {
    this.#current = [];
  }

  /**
   * Updates the views until they match the tables, which other sinks may change. If ClickHouse
   * rejects a view, logs a warning.
   *
   * @throws ServiceRefusedError if it is the stream's own view, which must exist;
   *   IncompatibleSchemaError if a table has the name of that view.
   */
  async update(): Promise<void> {
    const { database, stream } = this.#options;
    let hasChanged = true;
    while (hasChanged) {
      const expected = await readExpectedViews(database, stream);
      if (isDeepStrictEqual(expected, this.#current)) return;
      hasChanged = false;
      for (const view of expected) {
        try {
          if (await this.#updateView(view)) hasChanged = true;
        } catch (error) {
          hasChanged = true;
          if (!(error instanceof ServiceRefusedError) || view.name === viewOf(stream)) throw error;
          this.#warn(view, `cannot be created; the stream continues without it: ${error.message}`);
        }
      }
      this.#current = expected;
    }
  }

  /** Returns whether it created or replaced the view, so that the tables must be compared again. */
  async #updateView(view: View): Promise<boolean> {
    const { database, stream, replacesViews } = this.#options;
    const columns = await describeView(database, view);
    const define = (replaces: boolean) =>
      runDefinition(database, `change view ${view.name}`, viewSql(database, view, columns, replaces));
    let found = await readView(database, view.name);
    const isNew = found === undefined;
    if (isNew) {
      await define(false);
      // By now, another sink may have created the view, or a table with the view's name.
      found = await readView(database, view.name);
    }
    if (found === undefined || shows(found, view, columns)) return isNew;
    const fault = viewFault(found, view);
    if (found.engine !== 'View') {
      if (view.name === viewOf(stream))
        throw new IncompatibleSchemaError(`${database.name}.${view.name} ${fault}`);
      this.#warn(view, fault);
      return isNew;
    }
    // A view over several streams is repaired only for its owner.
    const isRepaired = replacesViews === true && view.owner === stream;
    if (fault === undefined || isRepaired) await define(true);
    if (fault === undefined) return true;
    if (isRepaired)
      this.#warn(view, 'was created or changed by hand and is replaced', { query: found.as_select });
    else this.#warn(view, fault);
    return isRepaired;
  }

  /** Warns once, although several streams may have the view. */
  #warn({ name, owner }: View, message: string | undefined, details: object = {}): void {
    const { database, stream } = this.#options;
    const text = `view ${database.name}.${name} ${message}`;
    if (owner !== stream || this.#reported.has(text)) return;
    this.#reported.add(text);
    logger.warn({ stream, view: name, ...details }, text);
  }
}
