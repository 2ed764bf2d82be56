/** Counts of the requests so far, which `GET /_simulator/stats` shows. */
export class Statistics {
  #requests = 0;
  #parallel = 0;
  #faults = 0;
  readonly #statuses = new Map<number, number>();
  readonly #paths = new Map<string, number>();

  request(path: string, inFlight: number): void {
    this.#requests++;
    this.#parallel = Math.max(this.#parallel, inFlight);
    const known = path.replace(/[0-9a-z]*_?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, ':uuid');
    add(this.#paths, known.replace(/(\/json_imports\/)[^/]+$/, '$1:id'));
  }

  status(status: number): void {
    add(this.#statuses, status);
  }

  fault(): void {
    this.#faults++;
  }

  toJSON() {
    return {
      requests: this.#requests,
      rate_limited: this.#statuses.get(429) ?? 0,
      too_many_connections: this.#statuses.get(503) ?? 0,
      faults: this.#faults,
      max_parallel: this.#parallel,
      statuses: Object.fromEntries(this.#statuses),
      paths: Object.fromEntries(this.#paths),
    };
  }
}

function add<Name>(counts: Map<Name, number>, name: Name): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
