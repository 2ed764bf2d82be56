import { setTimeout as delay } from 'node:timers/promises';

const DEADLINE_MS = 40_000;
const ASK_MS = 25;

/** Asks until the answer is true. @throws after 40 s, naming what was waited for */
export async function waitFor(
  what: string,
  ask: () => boolean | Promise<boolean>,
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  const startMs = performance.now();
  while (!(await ask())) {
    if (performance.now() - startMs > deadlineMs) throw new Error(`waited in vain for ${what}`);
    await delay(ASK_MS);
  }
}
