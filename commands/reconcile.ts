import { createCommand, exitCodes, runMain } from '../core/process.ts';
import { loadSettings } from '../core/settings/config.ts';
import { commaList } from '../core/settings/setting-values.ts';
import { drawLive, liveLines } from '../core/terminal/live-lines.ts';
import { print } from '../core/terminal/terminal.ts';
import { progressLines, ReconcileProgress } from '../operations/reconcile/reconcile-progress.ts';
import { createReport, reportJson, reportText } from '../operations/reconcile/report.ts';

interface Options {
  readonly streams?: readonly string[];
  readonly source?: true;
  readonly repair?: true;
  readonly allowDeadLetters?: true;
  readonly json?: true;
}

await runMain(async (signal) => {
  const { streams, source, repair, allowDeadLetters, json } = createCommand(
    'reconcile',
    'Compares the keys and versions of topics, tables and views. Exits with 1 if they differ.',
  )
    .option('--streams <a,b>', 'only these streams', commaList)
    .option('--source', "also reads ChartMogul's API and compares it with the topics")
    .option('--repair', 'repairs views, and the rows of keys that differ')
    .option('--allow-dead-letters', 'shows pending dead letters without counting them as differences')
    .option('--json', 'prints one JSON object')
    .addHelpText(
      'after',
      '\nExit codes: 0 equal; 1 different, not comparable, or with pending dead letters;\n' +
        '2 wrong settings or arguments.',
    )
    .parse()
    .opts<Options>();
  const options = {
    streams,
    isRepair: repair === true,
    comparesSource: source === true,
    allowed: { deadLetters: allowDeadLetters === true },
  };
  const settings = loadSettings();
  const progress = new ReconcileProgress();
  const drawn = drawLive(process.stderr, liveLines, (width, rows) =>
    progressLines(progress, width).slice(-(rows - 1)),
  );
  const report = await createReport(settings, options, signal, progress).finally(() => drawn.stop());
  print(`${json === true ? reportJson(report) : reportText(report)}\n`);
  return report.isEqual ? exitCodes.done : exitCodes.someWorkFailed;
});
