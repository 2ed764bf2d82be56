/** The page that the hash of the URL names: `#/streams/plans?tab=rows`. */
export interface Route {
  /** `streams`; empty for the overview. */
  readonly page: string;
  /** `plans`; empty if there is none. */
  readonly argument: string;
  readonly query: URLSearchParams;
}

export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split(/\?(.*)/s);
  const [page = '', ...rest] = path.split('/').map(decoded);
  return { page, argument: rest.join('/'), query: new URLSearchParams(query) };
}

/** Returns the hash of a page, for the `href` of a link. */
export function hrefOf(page: string, argument = '', query: Readonly<Record<string, string>> = {}): string {
  const path = [page, argument].filter((part) => part !== '').map(encodeURIComponent);
  const text = new URLSearchParams(query).toString();
  return `#/${path.join('/')}${text === '' ? '' : `?${text}`}`;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
