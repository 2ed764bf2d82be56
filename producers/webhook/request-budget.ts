/** Limits the requests that are being received or waiting for Kafka, by number and by bytes. */
export class RequestBudget {
  readonly #maxRequests: number;
  readonly #maxBytes: number;
  #requests = 0;
  #bytes = 0;

  constructor(maxRequests: number, maxBytes: number) {
    this.#maxRequests = maxRequests;
    this.#maxBytes = maxBytes;
  }

  get requests(): number {
    return this.#requests;
  }

  /**
   * Returns false if the request exceeds the budget. Otherwise the caller must give the bytes back
   * once the request has ended.
   */
  take(bytes: number): boolean {
    if (this.#requests >= this.#maxRequests || this.#bytes + bytes > this.#maxBytes) return false;
    this.#requests++;
    this.#bytes += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#requests--;
    this.#bytes -= bytes;
  }
}
