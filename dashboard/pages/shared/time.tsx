import { useEffect, useState } from 'preact/hooks';
import { ageText, shortTimeText, timeText } from './format.ts';

const TICK_MS = 1_000;
const listeners = new Set<(nowMs: number) => void>();
let timer: ReturnType<typeof setInterval> | undefined;

/** Returns the time, and re-renders the component every second. All components share one timer. */
export function useNow(): number {
  const [nowMs, setNow] = useState(Date.now);
  useEffect(() => {
    listeners.add(setNow);
    timer ??= setInterval(() => {
      const now = Date.now();
      for (const listener of listeners) listener(now);
    }, TICK_MS);
    return () => {
      listeners.delete(setNow);
      if (listeners.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    };
  }, []);
  return nowMs;
}

/** Shows the age of a time. The tooltip is the time itself. */
export function Ago({ ms }: { readonly ms: number }) {
  const nowMs = useNow();
  return (
    <time dateTime={isoTime(ms)} title={timeText(ms)}>
      {ageText(nowMs - ms)} ago
    </time>
  );
}

/** Shows a time to the minute. The tooltip is the exact time. */
export function ShortTime({ ms }: { readonly ms: number }) {
  return (
    <time dateTime={isoTime(ms)} title={timeText(ms)}>
      {shortTimeText(ms)}
    </time>
  );
}

/** Shows a time in the time zone of the browser. */
export function Time({ ms }: { readonly ms: number }) {
  return <time dateTime={isoTime(ms)}>{timeText(ms)}</time>;
}

function isoTime(ms: number): string {
  const time = new Date(ms);
  return Number.isNaN(time.getTime()) ? '' : time.toISOString();
}
