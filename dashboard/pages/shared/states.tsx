import type { ComponentChildren } from 'preact';
import { remedyOf } from './call.ts';
import { capital } from './format.ts';
import { Icon, type IconName } from './icon.tsx';

interface StateProps {
  readonly title: string;
  readonly icon?: IconName;
  readonly children?: ComponentChildren;
}

/** Shows that there is no content. Its children explain why, or what to do about it. */
export function EmptyState({ title, icon, children }: StateProps) {
  return (
    <section class="state">
      {icon !== undefined && <Icon name={icon} size={28} />}
      <h2>{title}</h2>
      {children !== undefined && <div class="state-text">{children}</div>}
    </section>
  );
}

/** Shows an error, with its remedy and a button that tries again if these are given. */
export function ErrorState({ error, onRetry }: { readonly error: Error; readonly onRetry?: () => void }) {
  const remedy = remedyOf(error);
  return (
    <section class="state bad" role="alert">
      <Icon name="error" size={28} />
      <h2>{capital(error.message)}</h2>
      {remedy !== undefined && (
        <p class="state-text">
          <Prose>{capital(remedy)}</Prose>
        </p>
      )}
      {onRetry !== undefined && (
        <button type="button" class="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </section>
  );
}

/** Grey lines in place of content that is loading. */
export function Skeleton({ lines }: { readonly lines: number }) {
  return (
    <div class="skeleton" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, index) => (
        <div key={index} class="skeleton-line" />
      ))}
    </div>
  );
}

/** Our own text. Shows `` `npm run sink` `` as code. */
export function Prose({ children }: { readonly children: string }) {
  return (
    <>
      {children.split('`').map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part))}
    </>
  );
}
