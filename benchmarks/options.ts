import { InvalidArgumentError, type Command } from 'commander';

export interface BenchOptions {
  readonly messages: number;
  readonly rows: number;
  readonly customers: number;
  readonly rounds: number;
  readonly memory: boolean;
  readonly dlt: boolean;
  readonly seconds: number;
  readonly max: number;
}

export function withBenchOptions(command: Command): Command {
  return command
    .option('--messages <n>', 'sink, replay, parts, scale: messages in the topic', positive, 2_000_000)
    .option('--rows <n>', 'export: rows in the table', positive, 1_000_000)
    .option('--customers <n>', 'end-to-end: customers in the account', positive, 20_000)
    .option(
      '--rounds <n>',
      'sink, replay, parts, scale, export, end-to-end, limits: number of runs of each measurement',
      positive,
      3,
    )
    .option('--no-memory', 'sink: skips the last run, which has five times as many messages')
    .option('--no-dlt', 'end-to-end: skips dlt, which requires Python and PyPI')
    .option('--seconds <n>', 'latency: seconds for which messages are sent', positive, 60)
    .option('--max <n>', 'growth: the largest number of records', positive, 10_000_000);
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('must be a positive integer');
}
