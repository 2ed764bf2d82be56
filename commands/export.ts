import { Option } from 'commander';
import { loadSettings } from '../core/settings/config.ts';
import { ConfigError } from '../core/errors.ts';
import { commaList, pastTime } from '../core/settings/setting-values.ts';
import { createCommand, exitCodes, runMain } from '../core/process.ts';
import { drawLive, liveLines } from '../core/terminal/live-lines.ts';
import { print } from '../core/terminal/terminal.ts';
import { ddlText } from '../operations/export/ddl/ddl.ts';
import { readDdlViews } from '../operations/export/ddl/ddl-views.ts';
import { warehouseNames, type WarehouseName } from '../operations/export/ddl/warehouses.ts';
import { ExportCounts } from '../operations/export/export-counts.ts';
import { exportLines } from '../operations/export/export-progress.ts';
import { exportViews, type ExportOptions } from '../operations/export/export.ts';
import { exportSummary } from '../operations/export/export-summary.ts';
import { openTarget } from '../operations/export/targets/open-target.ts';
import { parseTarget, placeOf } from '../operations/export/targets/parse-target.ts';

interface Options {
  readonly to?: string;
  readonly streams?: readonly string[];
  readonly since?: string;
  readonly ddl?: WarehouseName;
}

await runMain(async (signal) => {
  const { to, streams, since, ddl } = createCommand(
    'export',
    'Copies the views to files, DuckDB, PostgreSQL or S3, with a consistent snapshot of each stream. After an interruption, the same command resumes.',
  )
    .option(
      '--to <target>',
      'parquet:DIR, csv:DIR, duckdb:FILE, postgres://USER@HOST/DATABASE or s3://BUCKET/PREFIX; required without --ddl',
    )
    .option('--streams <a,b>', 'only these views, or all views of these streams', commaList)
    .option(
      '--since <time>',
      'only changes, deletes included, since an ISO time or since the last export to this target (`last`)',
    )
    .addOption(
      new Option(
        '--ddl <warehouse>',
        'exports nothing, and prints statements that create tables and load the Parquet files',
      ).choices(warehouseNames),
    )
    .parse()
    .opts<Options>();
  if (ddl !== undefined) {
    if (to !== undefined)
      throw new ConfigError('--ddl and --to must not be given together: --ddl exports nothing');
    print(ddlText(ddl, await readDdlViews(loadSettings(), streams, signal)));
    return exitCodes.done;
  }
  const address = parseTarget(to ?? '');
  const settings = loadSettings();
  const rule = 'an ISO time such as 2026-01-31T00:00:00Z, or last';
  const options: ExportOptions = {
    streams,
    since: since === undefined || since === 'last' ? since : pastTime('--since', since, Date.now(), rule),
  };
  const target = await openTarget(address, settings.exportTarget, signal);
  const counts = new ExportCounts();
  const drawn = drawLive(process.stderr, liveLines, (width, rows) =>
    exportLines(counts, performance.now(), width, rows - 1),
  );
  try {
    const report = await exportViews(settings, target, options, signal, counts);
    drawn.stop();
    print(`${exportSummary(report, placeOf(address))}\n`);
  } catch (error) {
    drawn.stop();
    // Ignores an error of `close`, because the first error explains the failure.
    await target.close().catch(() => undefined);
    throw error;
  }
  await target.close();
  return exitCodes.done;
});
