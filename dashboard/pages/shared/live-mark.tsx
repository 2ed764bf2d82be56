import { useConnection } from './live.ts';

const texts = { live: 'Live', connecting: 'Connecting', lost: 'Not connected' } as const;

/** Shows whether events arrive from the server. */
export function LiveMark() {
  const state = useConnection();
  return (
    <span class={`live-mark ${state}`} role="status">
      {texts[state]}
    </span>
  );
}
