import { ConfigError } from '../core/errors.ts';
import { loadSettings } from '../core/settings/config.ts';
import { createCommand, exitCodes, runMain, type ExitCode } from '../core/process.ts';
import { canAsk, confirm } from '../core/terminal/confirm.ts';
import { drawLive, liveLines } from '../core/terminal/live-lines.ts';
import { print } from '../core/terminal/terminal.ts';
import { BulkImport } from '../operations/import/bulk-import.ts';
import { ImportProgress, importProgressLines } from '../operations/import/import-progress.ts';
import { faultText, preparedText, reportText, verificationText } from '../operations/import/import-text.ts';

interface Options {
  readonly dataSource: string;
  readonly yes?: true;
  readonly dryRun?: true;
  readonly verify?: true;
}

await runMain(async (signal) => {
  const command = createCommand(
    'import',
    'Imports customers, plans, invoices, line items, transactions and subscription events into ChartMogul. No other command writes to ChartMogul.',
  )
    .argument('<FILE>', 'an NDJSON or CSV file with one record per line: see docs/how-to/import.md')
    .requiredOption('--data-source <UUID>', 'the data source to import into (required), such as ds_…')
    .option('--yes', 'does not ask for confirmation; required without a terminal')
    .option('--dry-run', 'checks the file and sends nothing')
    .option(
      '--verify',
      'reads the imported records from ChartMogul afterwards, and compares them with the file',
    )
    .addHelpText(
      'after',
      '\nAfter an interruption, the same command resumes, and does not resend requests that ChartMogul has accepted.\n' +
        'Exit codes: 0 all lines were imported (with --dry-run: the file has no errors);\n' +
        '1 the file has errors, a line failed, the import stopped or was declined, or\n' +
        '--verify found a difference; 2 wrong settings or arguments.',
    )
    .parse();
  const { dataSource, yes, dryRun, verify } = command.opts<Options>();
  const [path = ''] = command.args;
  if (yes !== true && dryRun !== true && !canAsk())
    throw new ConfigError('import writes to ChartMogul: without a terminal, confirm it with --yes');
  const progress = new ImportProgress();
  const bulk = new BulkImport(loadSettings(), { dataSource, path }, progress, signal);
  const shown = async <T>(work: Promise<T>): Promise<T> => {
    const drawn = drawLive(process.stderr, liveLines, (width) =>
      importProgressLines(progress, Date.now(), width),
    );
    return work.finally(() => drawn.stop());
  };
  try {
    const prepared = await shown(bulk.prepare());
    const { faults, plan, ended } = prepared;
    if (faults.count > 0) {
      print(`${faultText(path, faults)}\n`);
      return exitCodes.someWorkFailed;
    }
    if (dryRun === true) {
      print(`${preparedText(prepared)}\ndry run: the file has no errors; nothing was sent\n`);
      return exitCodes.done;
    }
    const wasEnded = ended === plan.batches.length;
    if (yes !== true && !wasEnded && !(await confirmed(preparedText(prepared), signal))) {
      print('nothing was sent\n');
      return exitCodes.someWorkFailed;
    }
    const report = await shown(bulk.send()).catch((error: unknown) => {
      print('the import is incomplete: run the same command again to resume it\n', process.stderr);
      throw error;
    });
    print(`${reportText(report, wasEnded)}\n`);
    let exitCode: ExitCode = report.failures.count > 0 ? exitCodes.someWorkFailed : exitCodes.done;
    if (verify === true) {
      const verification = await shown(bulk.verify());
      print(`${verificationText(verification)}\n`);
      if (verification.differences.count > 0) exitCode = exitCodes.someWorkFailed;
    }
    bulk.finish();
    return exitCode;
  } finally {
    await bulk.close();
  }
});

function confirmed(text: string, signal: AbortSignal): Promise<boolean> {
  print(`import writes to ChartMogul. It is the only command that does.\n\n${text}\n\n`, process.stderr);
  return confirm('Import?', signal);
}
