import type { World } from './data/world.ts';
import type { Answer } from './answer.ts';

export interface Call {
  readonly method: string;
  /** The path without `/v1`. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
  /** Address of the simulator, such as `http://127.0.0.1:4010`. */
  readonly origin: string;
  readonly world: World;
}

/** Answers a call; `first` and `second` are the values of the route's path parameters. */
export type Handler = (call: Call, first: string, second: string) => Answer;

/** Method, path with `:name` for each parameter, and handler. */
export type Route = readonly [method: string, path: string, handler: Handler];

export type Router = (call: Call) => Answer | undefined;

/** Returns a router that calls the handler of the first matching route. */
export function createRouter(routes: readonly Route[]): Router {
  const compiled = routes.map(([method, path, handler]) => ({
    method,
    pattern: new RegExp(`^${path.replace(/:\w+/g, '([^/]+)')}$`),
    handler,
  }));
  return (call) => {
    for (const { method, pattern, handler } of compiled) {
      const match = method === call.method ? pattern.exec(call.path) : null;
      if (match !== null) return handler(call, decode(match[1]), decode(match[2]));
    }
    return undefined;
  };
}

function decode(part = ''): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
