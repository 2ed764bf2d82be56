import { qualified } from '../../core/clickhouse/client.ts';
import type { Database } from '../../core/clickhouse/database.ts';
import { afterCutSql, continues, isSameCut, type Cut } from './cut.ts';
import { sinceSql } from './export-query.ts';
import { tablesOf, type ExportableView } from './exportable-views.ts';
import { shapeOf, type Manifest } from './manifest.ts';

/**
 * Start of the exported changes: a time in ms since 1970, or the last export to the target.
 * Undefined exports all rows.
 */
export type Since = { readonly timeMs: number } | { readonly last: Manifest } | undefined;

/**
 * The rows of a view that an export writes. `changed` is the SQL condition that selects the changed
 * rows of its storage table.
 */
export type ViewPlan =
  | { readonly mode: 'full' }
  | { readonly mode: 'changes'; readonly changed: string }
  | { readonly mode: 'unchanged' };

/**
 * Returns which rows of a view an export writes. A view without a key is written in full if one of
 * its tables has changed, because its rows do not show which earlier rows are gone.
 */
export async function planView(
  database: Database,
  view: ExportableView,
  since: Since,
  now: Cut,
  { earlier, mergesChanges }: { readonly earlier: Manifest | undefined; readonly mergesChanges: boolean },
): Promise<ViewPlan> {
  if (since === undefined) return { mode: 'full' };
  const known = earlier?.upTo.views[view.name];
  const hasSameShape = known?.shape === shapeOf(view);
  const [table = ''] = tablesOf(view);
  if ('timeMs' in since) {
    const changed = sinceSql(since.timeMs);
    if (view.key !== undefined && (hasSameShape || !mergesChanges)) return { mode: 'changes', changed };
    const isMissing = mergesChanges && !hasSameShape;
    return isMissing || (await hasRows(database, tablesOf(view), changed))
      ? { mode: 'full' }
      : { mode: 'unchanged' };
  }
  if (known === undefined || !hasSameShape) return { mode: 'full' };
  if (isSameCut(known.cut, now)) return { mode: 'unchanged' };
  const before = known.cut[table];
  if (view.key === undefined || before === undefined || !continues(now[table], before))
    return { mode: 'full' };
  return { mode: 'changes', changed: afterCutSql(before) };
}

async function hasRows(database: Database, tables: readonly string[], condition: string): Promise<boolean> {
  for (const table of tables) {
    const sql = `SELECT 1 AS found FROM ${qualified(database.name, table)} WHERE ${condition} LIMIT 1`;
    if ((await database.rows(`changes of ${table}`, sql)).length > 0) return true;
  }
  return false;
}
