import { createCommand, exitCodes, runMain } from '../core/process.ts';
import { loadSettings } from '../core/settings/config.ts';
import { print } from '../core/terminal/terminal.ts';
import { createReport, reportJson, reportText } from '../operations/reconcile/report.ts';

interface Options {
  readonly streams?: string;
  readonly source?: true;
  readonly repair?: true;
  readonly allowDeadLetters?: true;
  readonly json?: true;
}

await runMain(async (signal) => {
  const { streams, source, repair, allowDeadLetters, json } = createCommand(
    'reconcile',
    'Compares topics, tables and views key by key and version by version; exits with 1 if they differ.',
  )
    .option('--streams <a,b>', 'only these streams')
    .option('--source', "also reads ChartMogul's API and compares it with the topics")
    .option('--repair', 'repairs tables and views, only in the keys that differ')
    .option('--allow-dead-letters', 'pending dead letters are shown but are no difference')
    .option('--json', 'prints one JSON object')
    .addHelpText(
      'after',
      '\nExit codes: 0 equal, 1 different, with pending dead letters or not comparable,\n' +
        '2 wrong settings or arguments.',
    )
    .parse()
    .opts<Options>();
  const report = await createReport(
    loadSettings(),
    {
      streams: streams?.split(',').map((name) => name.trim()),
      isRepair: repair === true,
      comparesSource: source === true,
      allowed: { deadLetters: allowDeadLetters === true },
    },
    signal,
  );
  print(`${json === true ? reportJson(report) : reportText(report)}\n`);
  return report.isEqual ? exitCodes.done : exitCodes.someWorkFailed;
});
