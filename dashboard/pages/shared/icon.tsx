const paths = {
  logo: 'M3 17l5-6 4 4 5-8 4 5M3 21h18',
  overview: 'M4 13h6V4H4zM14 20h6v-9h-6zM4 20h6v-4H4zM14 8h6V4h-6z',
  runs: 'M12 7v5l3 2M3.5 12a8.5 8.5 0 1 0 2.6-6.1M3 4v3.5h3.5',
  streams: 'M4 7c3-3 6 3 9 0s5-1 7-1M4 13c3-3 6 3 9 0s5-1 7-1M4 19c3-3 6 3 9 0s5-1 7-1',
  sql: 'M5 6l5 5-5 5M12 18h7',
  mrr: 'M4 19V5M4 19h16M8 16v-4M12 16V8M16 16v-6M20 16V6',
  deadLetters: 'M4 6h16v12H4zM4 7l8 6 8-6',
  reconcile: 'M4 8h13l-3-3M20 16H7l3 3',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M5 19l1.4-1.4M17.6 6.4L19 5',
  moon: 'M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z',
  alert: 'M12 4l9 16H3zM12 10v4M12 17v.5',
  error: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 8v5M12 16v.5',
  done: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM8 12l3 3 5-6',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  arrow: 'M9 6l6 6-6 6',
} as const;

export type IconName = keyof typeof paths;

/** A line drawing in the colour of the text. Assistive technology skips it. */
export function Icon({ name, size = 18 }: { readonly name: IconName; readonly size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}
