/**
 * Runs `work` with a controller that also aborts with `signal`. `AbortSignal.any` would leak memory
 * with every call if `signal` lives as long as the process (nodejs/node#54614).
 */
export async function withAbort<T>(
  signal: AbortSignal,
  work: (controller: AbortController) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await work(controller);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Runs `work` with a signal that aborts after `ms` or with `signal`. */
export function withDeadline<T>(
  signal: AbortSignal,
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return withAbort(signal, async (controller) => {
    const timer = setTimeout(() => controller.abort(new Error(`no response within ${ms / 1000} s`)), ms);
    try {
      return await work(controller.signal);
    } finally {
      clearTimeout(timer);
    }
  });
}
