import { useEffect, useState } from 'preact/hooks';
import { parseRoute, type Route } from './hash.ts';

export { hrefOf, type Route } from './hash.ts';

/** Returns the current route, and re-renders the component when the route changes. */
export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const onChange = () => setHash(location.hash);
    addEventListener('hashchange', onChange);
    return () => removeEventListener('hashchange', onChange);
  }, []);
  return parseRoute(hash);
}
