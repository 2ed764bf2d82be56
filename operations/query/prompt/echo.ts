import { Writable } from 'node:stream';

/**
 * Passes the echo of readline through, except while a query runs and its answer uses the terminal.
 */
export class Echo extends Writable {
  isMuted = false;
  readonly #terminal: NodeJS.WriteStream;

  constructor(terminal: NodeJS.WriteStream) {
    super();
    this.#terminal = terminal;
    terminal.on('resize', this.#onResize);
  }

  /** The width at which readline wraps lines. A terminal of unknown size reports 0. */
  get columns(): number {
    return this.#terminal.columns || 80;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (!this.isMuted) this.#terminal.write(chunk);
    done();
  }

  override _final(done: () => void): void {
    this.#terminal.off('resize', this.#onResize);
    done();
  }

  readonly #onResize = (): void => void this.emit('resize');
}
