import { Writable } from 'node:stream';

/** Passes on what readline echoes, except while a query runs: its answer owns the terminal then. */
export class Echo extends Writable {
  isMuted = false;
  readonly #terminal: NodeJS.WriteStream;

  constructor(terminal: NodeJS.WriteStream) {
    super();
    this.#terminal = terminal;
    terminal.on('resize', this.#onResize);
  }

  /** readline reads it to wrap lines. A terminal that does not know its size reports 0. */
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
