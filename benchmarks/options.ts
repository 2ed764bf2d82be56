import { InvalidArgumentError, type Command } from 'commander';

export interface BenchOptions {
  /** Messages in the topic of `sink` and `replay`. */
  readonly messages: number;
  /** Number of runs of each contender in `sink` and `replay`. */
  readonly rounds: number;
  /** Whether `sink` ends with a run over five times as many messages, for its memory. */
  readonly memory: boolean;
  /** Duration of `latency`. */
  readonly seconds: number;
}

export function withBenchOptions(command: Command): Command {
  return command
    .option('--messages <n>', 'sink, replay: messages in the topic', positive, 2_000_000)
    .option('--rounds <n>', 'sink, replay: number of runs of each contender', positive, 3)
    .option('--no-memory', 'sink: skips the last run, over five times as many messages')
    .option('--seconds <n>', 'latency: seconds for which messages are sent', positive, 60);
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('must be a positive integer');
}
