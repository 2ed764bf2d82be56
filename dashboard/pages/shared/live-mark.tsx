import { Icon } from './icon.tsx';
import { useOverview } from './live-overview.ts';
import { useConnection } from './live.ts';
import { Prose } from './states.tsx';
import { Ago } from './time.tsx';

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

/** Shows that the server is not responding, and how old the figures are. */
export function LostBanner() {
  const state = useConnection();
  const { overview } = useOverview();
  if (state !== 'lost') return null;
  return (
    <p class="banner" role="alert">
      <Icon name="error" />
      <span>
        <Prose>The dashboard is not responding. Check that `npm run show` is still running.</Prose>
        {overview !== undefined && (
          <>
            {' '}
            Figures are from <Ago ms={overview.atMs} />.
          </>
        )}
      </span>
    </p>
  );
}

/** Shows the number of problems; nothing if there are none. */
export function AttentionCount() {
  const count = useOverview().overview?.attention.length ?? 0;
  if (count === 0) return null;
  return (
    <span class="nav-count">
      {count}
      <span class="hidden-text">{count === 1 ? ' needs attention' : ' need attention'}</span>
    </span>
  );
}
