import { ClickHouseError } from '@clickhouse/client';
import type { Database } from '../../core/clickhouse/database.ts';
import { messageOf, StoppedError } from '../../core/errors.ts';
import { serviceRetry } from '../../core/retry.ts';
import { deleteInserted, rangesText, readInsertedPart, readViewsOn } from './half-inserted.ts';
import { failedViews, type InsertedRows } from './insert-rows.ts';
import { localTableOf } from './table-ddl.ts';
import { readTableIdentity } from './table-shape.ts';

/** Time limit for the work after a failed insert once the sink is stopping. */
const AFTERWARDS_MS = 20_000;

/**
 * Runs work that must finish even if the sink stops. If the stop interrupts it, runs it again with
 * its own time limit.
 */
export async function evenWhenStopping<T>(
  database: Database,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  try {
    return await work(database);
  } catch (error) {
    if (!database.signal.aborted) throw error;
  }
  return work(database.with({ signal: AbortSignal.timeout(AFTERWARDS_MS), policy: serviceRetry }));
}

/** Returns the materialized views on a storage table; none if they cannot be read. */
export async function viewsOn(database: Database, table: string): Promise<readonly string[]> {
  const local = localTableOf(table, database.settings);
  return evenWhenStopping(database, (asked) => readViewsOn(asked, local)).catch(() => []);
}

interface InsertRecoveryOptions {
  readonly database: Database;
  readonly table: string;
  /** Identity of the table that the rows were built for. */
  readonly identity: string;
  readonly rows: InsertedRows;
  /** Aborts when the partitions of the rows are revoked. */
  readonly generation: AbortSignal;
}

/**
 * Finds and deletes the rows that an insert has left in a table although a materialized view
 * failed.
 */
export class InsertRecovery {
  readonly #options: InsertRecoveryOptions;

  constructor(options: InsertRecoveryOptions) {
    this.#options = options;
  }

  /** Returns whether the table has rows of the failed insert. Only a table with views can. */
  async isHalfInserted(): Promise<boolean> {
    const { database, table, identity, rows } = this.#options;
    if (rows.ranges.length === 0 || (await viewsOn(database, table)).length === 0) return false;
    const local = localTableOf(table, database.settings);
    const now = await evenWhenStopping(database, (asked) => readTableIdentity(asked, local));
    return (now ?? '') === identity && (await this.#inserted()).rows > 0;
  }

  /**
   * Deletes the rows of an insert whose only view failed with an error that may be temporary.
   * Otherwise, a sink killed before its next attempt would leave rows that the view lacks. With
   * several views, no rows are deleted: under the same token, the views that already have the block
   * do not receive it again.
   * @returns whether rows were deleted.
   */
  async deleteForRetry(error: unknown): Promise<boolean> {
    if (!(error instanceof ClickHouseError) || failedViews(error).length !== 1) return false;
    const { database, table } = this.#options;
    if ((await viewsOn(database, table)).length !== 1) return false;
    return (await this.isHalfInserted()) && (await this.#delete());
  }

  /**
   * Deletes the rows, so that no later sink resumes after them. Returns the message for the error.
   */
  async undo(reason: string, failed: readonly string[]): Promise<string> {
    const { database, table, rows } = this.#options;
    const views = await viewsOn(database, table);
    const view = failed.join(' fed by ') || views.join(' or ');
    const what = `materialized view ${view} on table ${table} fails: ClickHouse returned ${reason}`;
    const where = rangesText(rows.ranges);
    const others =
      views.length > 1 || failed.length > 1
        ? '; the targets of other views may already have them and will receive them again'
        : '';
    try {
      await this.#delete();
    } catch (error) {
      return `${what}. Rows (${where}) are in the table but not in the target of the view, and could not be deleted: ${messageOf(error)}. Fix or drop the view, then add the missing rows to its target${others}`;
    }
    return `${what}. None of the rows of this insert (${where}) is in the table: fix or drop the view, then restart the sink${others}`;
  }

  /** Deletes the rows. @throws StoppedError if another sink has continued after them. */
  async #delete(): Promise<boolean> {
    const { database, table, rows, generation } = this.#options;
    const { rows: count, isPassed } = await this.#inserted();
    if (count === 0) return false;
    if (generation.aborted || (isPassed && rows.areLast === true))
      throw new StoppedError('another sink has inserted later rows');
    await evenWhenStopping(database, (asked) => deleteInserted(asked, table, rows.ranges));
    return true;
  }

  #inserted() {
    const { database, table, rows } = this.#options;
    return evenWhenStopping(database, (asked) => readInsertedPart(asked, table, rows.ranges));
  }
}
