import { refusal, RefusedError, type Answer } from './answer.ts';
import { createRouter, type Router } from './call.ts';
import { ActivityIndex } from './data/activity-index.ts';
import { renderEvent } from './data/event.ts';
import { World } from './data/world.ts';
import { lastRevision } from './data/key.ts';
import type { Interval } from './data/metric-series.ts';
import type { Rendered } from './data/rendered.ts';
import { dltRoutes } from './dlt-routes.ts';
import { Imports, type ImportStatistics } from './imports.ts';
import { Jobs } from './jobs.ts';
import { standardOptions, type SimulatorOptions } from './options.ts';
import { createRoutes } from './routes.ts';
import { streams } from './streams.ts';

export interface SimulatorRequest {
  readonly method: string;
  /** The path and query of the URL: `/v1/customers?per_page=2`. */
  readonly url: string;
  readonly authorization?: string | undefined;
  readonly body?: unknown;
  /** Address of the simulator, for links in its responses. */
  readonly origin?: string;
}

/** A ChartMogul account and its API, without a socket. */
export class Simulator {
  readonly options: SimulatorOptions;
  readonly #route: Router;
  readonly #jobs = new Jobs();
  readonly #imports: Imports;
  /** With `keepPages`, the served pages by URL, until the account changes. */
  readonly #pages = new Map<string, Answer>();
  #world: World;

  constructor(options: SimulatorOptions) {
    this.options = options;
    this.#world = new World(options);
    this.#imports = new Imports(options);
    const routes = createRoutes(this.#jobs, this.#imports, options);
    const { dltAddresses } = options;
    this.#route = createRouter(dltAddresses === undefined ? routes : [...dltRoutes(dltAddresses), ...routes]);
  }

  get revision(): number {
    return this.#world.revision;
  }

  moveTo(revision: number): void {
    if (!Number.isInteger(revision) || revision < 0 || revision > lastRevision)
      throw new RangeError(`revision must be an integer from 0 to ${lastRevision}; got ${revision}`);
    this.#world = new World({ ...this.options, revision }, this.#world.imported);
    this.#pages.clear();
  }

  /**
   * Returns the counts of import requests so far, and the number of times that each record was
   * applied.
   */
  get imports(): ImportStatistics & { readonly applied: ReadonlyMap<string, number> } {
    return { ...this.#imports.statistics, applied: this.#world.imported.applied };
  }

  get streams(): string[] {
    return Object.keys(streams);
  }

  /**
   * Returns every record that a complete and correct extractor would find in a stream now, as the
   * API returns it without optional parts. Includes invalid and disabled rows. Child rows have
   * their parent's key, and metrics have `interval`.
   */
  truth(stream: string, interval: Interval = 'month'): Iterable<Rendered> {
    const records = streams[stream];
    if (records === undefined)
      throw new RangeError(`no stream ${stream}: there are ${this.streams.join(', ')}`);
    return records(this.#world, interval);
  }

  /** Yields the events that ChartMogul would have sent to webhooks by now, oldest first. */
  *events(): Generator<Rendered> {
    const world = this.#world;
    const index = ActivityIndex.of(world);
    for (let position = 0; position < index.size; position++)
      yield renderEvent(world, index.activityAt(position));
  }

  answer(request: SimulatorRequest): Answer {
    const url = new URL(`http://simulator.invalid${request.url}`);
    if (!url.pathname.startsWith('/v1/'))
      return this.#jobs.file(this.#world, url.pathname) ?? refusal(404, 'Not found');
    if (!this.#isAuthorized(request.authorization)) return refusal(401, 'No valid API key provided');
    const known = this.#pages.get(request.url);
    if (known !== undefined && request.method === 'GET') return known;
    const { allowPage, dltAddresses, keepPages } = this.options;
    if (url.searchParams.has('page') && !allowPage && dltAddresses !== 'pages')
      return refusal(400, 'Parameter "page" is deprecated', 'page');
    const call = {
      method: request.method,
      path: url.pathname.slice('/v1'.length).replace(/\/$/, ''),
      query: url.searchParams,
      body: request.body,
      origin: request.origin ?? '',
      world: this.#world,
    };
    try {
      const answer = this.#route(call) ?? refusal(404, 'Not found');
      if (!keepPages || request.method !== 'GET') return answer;
      // A poll of an import may change the account.
      if (call.path.includes('json_imports')) this.#pages.clear();
      if (!url.searchParams.has('per_page') || typeof answer.body !== 'string') return answer;
      const kept = { ...answer, body: Buffer.from(answer.body) };
      this.#pages.set(request.url, kept);
      return kept;
    } catch (error) {
      if (error instanceof RefusedError) return error.answer;
      throw error;
    }
  }

  #isAuthorized(authorization: string | undefined): boolean {
    const encoded = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(authorization ?? '')?.[1];
    if (encoded === undefined) return false;
    const user = Buffer.from(encoded, 'base64').toString('utf8').replace(/:.*$/s, '');
    return user !== '' && (this.options.apiKey === undefined || user === this.options.apiKey);
  }
}

export function createSimulator(options: Partial<SimulatorOptions> = {}): Simulator {
  return new Simulator({ ...standardOptions, ...options });
}
