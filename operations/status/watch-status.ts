import { setTimeout as delay } from 'node:timers/promises';
import { AlternateScreen } from '../../core/terminal/alternate-screen.ts';
import { print } from '../../core/terminal/terminal.ts';
import type { StatusSample, StatusSampler } from './status-sampler.ts';
import { watchLines } from './watch-text.ts';

/** Redraws between samples, because ages change. */
const REDRAW_MS = 1_000;

/** Shows each sample on the alternate screen of a terminal until the signal aborts. */
export async function watchOnTerminal(
  sampler: StatusSampler,
  intervalMs: number,
  terminal: NodeJS.WriteStream,
  signal: AbortSignal,
): Promise<void> {
  let sample: StatusSample | undefined;
  const screen = new AlternateScreen(terminal, (columns, rows) =>
    sample === undefined
      ? ['reading the status …']
      : watchLines(sample, { columns, rows, nowMs: Date.now() }),
  );
  const timer = setInterval(screen.draw, REDRAW_MS);
  try {
    screen.draw();
    await eachSample(sampler, intervalMs, signal, (next) => {
      sample = next;
      screen.draw();
    });
  } finally {
    clearInterval(timer);
    screen.leave();
  }
}

/** Prints each sample as text until the signal aborts. */
export function watchAsText(
  sampler: StatusSampler,
  intervalMs: number,
  textOf: (sample: StatusSample) => string,
  signal: AbortSignal,
): Promise<void> {
  return eachSample(sampler, intervalMs, signal, (sample) => print(`${textOf(sample)}\n`));
}

/** Resolves when the signal aborts. @throws the errors of the sampler. */
async function eachSample(
  sampler: StatusSampler,
  intervalMs: number,
  signal: AbortSignal,
  onSample: (sample: StatusSample) => void,
): Promise<void> {
  try {
    for (;;) {
      onSample(await sampler.sample(signal));
      await delay(intervalMs, undefined, { signal });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
