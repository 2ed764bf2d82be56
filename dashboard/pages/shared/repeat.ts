/** The members of `document` that {@link repeatWhileVisible} uses. */
interface Page {
  readonly hidden: boolean;
  addEventListener(event: 'visibilitychange', listener: () => void): void;
  removeEventListener(event: 'visibilitychange', listener: () => void): void;
}

/**
 * Runs `work` now, and again `pauseMs` after it ends. While the page is hidden, no further work
 * starts. Work starts again as soon as the page becomes visible.
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
