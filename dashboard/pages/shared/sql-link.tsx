import { hrefOf } from '../shell/route.ts';
import { Icon } from './icon.tsx';

let clicked: string | undefined;

/** A link that opens a query on the SQL page. The page runs the query, because the link is ours. */
export function SqlLink({ sql, about }: { readonly sql: string; readonly about: string }) {
  return (
    <a class="sql-link" href={hrefOf('sql', '', { q: sql })} onClick={() => (clicked = sql)}>
      <Icon name="sql" size={14} />
      SQL<span class="hidden-text"> for {about}</span>
    </a>
  );
}

/**
 * Returns whether the query comes from a click on one of our links. A click counts once. A query in
 * the address alone may come from anywhere, so it must not run automatically.
 */
export function takeClicked(sql: string): boolean {
  const isOurs = clicked === sql;
  clicked = undefined;
  return isOurs;
}
