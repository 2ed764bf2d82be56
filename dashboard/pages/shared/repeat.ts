/** The part of the document that a repetition uses. */
interface Page {
  readonly hidden: boolean;
  addEventListener(event: 'visibilitychange', listener: () => void): void;
  removeEventListener(event: 'visibilitychange', listener: () => void): void;
}

/**
 * Does the work immediately, and again after each pause. While the page is hidden, the work is
 * suspended.
 * @param work never rejects.
 * @returns a function that ends the repetition.
 */
export function repeatWhileVisible(page: Page, pauseMs: number, work: () => Promise<void>): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isWorking = false;
  let hasEnded = false;
  const next = async () => {
    isWorking = true;
    await work();
    isWorking = false;
    if (!hasEnded && !page.hidden) timer = setTimeout(() => void next(), pauseMs);
  };
  const onChange = () => {
    clearTimeout(timer);
    if (!page.hidden && !isWorking) void next();
  };
  page.addEventListener('visibilitychange', onChange);
  void next();
  return () => {
    hasEnded = true;
    clearTimeout(timer);
    page.removeEventListener('visibilitychange', onChange);
  };
}
