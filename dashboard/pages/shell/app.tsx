import { useEffect, useRef, useState } from 'preact/hooks';
import { Icon } from '../shared/icon.tsx';
import { AttentionCount, LiveMark, LostBanner } from '../shared/live-mark.tsx';
import { EmptyState, ErrorState, Skeleton } from '../shared/states.tsx';
import { pageList, type PageComponent, type PageEntry } from './page-list.ts';
import { hrefOf, useRoute, type Route } from './route.ts';
import { ThemeToggle } from './theme.tsx';

export function App() {
  const route = useRoute();
  const entry = pageList.find(({ page }) => page === route.page);
  const title = entry?.title ?? 'Not found';
  useEffect(() => {
    document.title = `${route.argument === '' ? title : `${route.argument} · ${title}`} · Dashboard`;
  }, [title, route.argument]);
  const nav = useRef<HTMLElement>(null);
  useEffect(() => {
    // On a narrow screen, the links scroll sideways.
    nav.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
  }, [route.page]);
  return (
    <div class="shell">
      <a class="skip-link" href="#main" onClick={skipToMain}>
        Skip to content
      </a>
      <header class="side">
        <a class="brand" href={hrefOf('')}>
          <Icon name="logo" />
          <span>chartmogul-clickhouse</span>
        </a>
        <nav aria-label="Pages" ref={nav}>
          <ul class="nav">
            {pageList.map(({ page, title: name, icon }) => (
              <li key={page}>
                <a href={hrefOf(page)} aria-current={page === route.page ? 'page' : undefined}>
                  <Icon name={icon} />
                  <span>{name}</span>
                  {page === '' && <AttentionCount />}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <div class="side-end">
          <LiveMark />
          <ThemeToggle />
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        <LostBanner />
        {entry === undefined ? (
          <EmptyState title="There is no such page">
            <a href={hrefOf('')}>Open the overview</a>
          </EmptyState>
        ) : (
          <LoadedPage key={entry.page} entry={entry} route={route} />
        )}
      </main>
    </div>
  );
}

/** A link to `#main` would change the page, because the hash names the page. */
function skipToMain(event: Event): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

const loaded = new Map<string, PageComponent>();

/** Shows a page once its code has arrived. */
function LoadedPage({ entry, route }: { readonly entry: PageEntry; readonly route: Route }) {
  const [failure, setFailure] = useState<Error>();
  const [, setArrived] = useState(false);
  const Page = loaded.get(entry.page);
  useEffect(() => {
    if (Page !== undefined) return;
    entry.load().then(
      (component) => {
        loaded.set(entry.page, component);
        setArrived(true);
      },
      () =>
        setFailure(
          new Error('the code of this page could not be loaded: check that `npm run show` is running'),
        ),
    );
  }, [entry, Page]);
  if (failure !== undefined) return <ErrorState error={failure} onRetry={() => location.reload()} />;
  return Page === undefined ? <Skeleton lines={6} /> : <Page route={route} />;
}
