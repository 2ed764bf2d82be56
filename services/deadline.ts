import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Checks the condition repeatedly until it is true. Returns false if that takes longer than `ms`.
 */
export async function isTrueWithin(
  ms: number,
  condition: () => boolean | Promise<boolean>,
  signal?: AbortSignal,
): Promise<boolean> {
  const deadline = performance.now() + ms;
  while (performance.now() < deadline) {
    signal?.throwIfAborted();
    if (await condition()) return true;
    await sleep(100, undefined, signal === undefined ? {} : { signal });
  }
  return false;
}
