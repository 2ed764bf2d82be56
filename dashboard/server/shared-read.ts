/** A slow read. Callers share its result while it runs, and for a short time afterwards. */
export class SharedRead<T> {
  readonly #read: () => Promise<T>;
  readonly #keepMs: number;
  #latest: Promise<T> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param keepMs how long a result is kept after the read has ended. */
  constructor(read: () => Promise<T>, keepMs: number) {
    this.#read = read;
    this.#keepMs = keepMs;
  }

  /** Returns the result of a read that is running or has just ended, or of a new read. */
  get(): Promise<T> {
    if (this.#latest !== undefined) return this.#latest;
    const started = this.#read();
    this.#latest = started;
    const forget = () => {
      if (this.#latest === started) this.forget();
    };
    started.then(() => {
      // Drops the result, because it may take up a lot of memory.
      if (this.#latest === started) this.#timer = setTimeout(forget, this.#keepMs).unref();
    }, forget);
    return started;
  }

  /** Makes the next {@link get} read again. */
  forget(): void {
    clearTimeout(this.#timer);
    this.#latest = undefined;
  }
}
