import { setTimeout as delay } from 'node:timers/promises';

const DEADLINE_MS = 40_000;
/**
 * The first pause is short, for conditions that soon become true. Later pauses are longer, to leave
 * the CPU to the awaited work.
 */
const FIRST_PAUSE_MS = 10;
const MAX_PAUSE_MS = 100;

/**
 * Polls until the condition is true.
 * @throws after the deadline, with the name of the condition.
 */
export async function waitFor(
  what: string,
  ask: () => boolean | Promise<boolean>,
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  const startMs = performance.now();
  let pauseMs = FIRST_PAUSE_MS;
  while (!(await ask())) {
    if (performance.now() - startMs > deadlineMs) throw new Error(`timed out waiting for ${what}`);
    await delay(pauseMs);
    pauseMs = Math.min(pauseMs * 1.5, MAX_PAUSE_MS);
  }
}
