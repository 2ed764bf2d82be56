import { spawn, type ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { LocalServiceError } from '../core/errors.ts';

const startScript = fileURLToPath(new URL('../start.mjs', import.meta.url));

const GRACE_MS = 15_000;
const LAST_LINES = 10;

/** A command in a separate process, as `npm run` would start it. Keeps its stdout and stderr. */
export class BenchProcess {
  readonly #entry: string;
  readonly #child: ChildProcess;
  readonly #lines: { readonly text: string; readonly atMs: number }[] = [];
  readonly #changes = new EventEmitter();
  readonly #closed: Promise<unknown>;
  #hasEnded = false;

  /** @param cwd a folder without `.env`. */
  constructor(entry: string, args: readonly string[], env: NodeJS.ProcessEnv, cwd: string) {
    this.#entry = entry;
    const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
    const child = spawn(process.execPath, [startScript, entry, ...args], { cwd, env, stdio });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) this.#listen(stream);
    this.#closed = once(child, 'close').then(() => {
      this.#hasEnded = true;
      this.#changes.emit('change');
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /**
   * Returns the time at which the first wanted line was printed.
   * @throws LocalServiceError if the process ends first.
   */
  async said(isWanted: (line: string) => boolean, signal: AbortSignal): Promise<number> {
    for (let next = 0; ;) {
      for (; next < this.#lines.length; next++) {
        const line = this.#lines[next];
        if (line !== undefined && isWanted(line.text)) return line.atMs;
      }
      this.requireRunning();
      await once(this.#changes, 'change', { signal }).catch(() => signal.throwIfAborted());
    }
  }

  /**
   * Waits for the process and returns the time at which it ended.
   * @throws LocalServiceError unless it succeeded.
   */
  async finished(signal: AbortSignal): Promise<number> {
    while (!this.#hasEnded)
      await once(this.#changes, 'change', { signal }).catch(() => signal.throwIfAborted());
    const endMs = performance.now();
    if (this.#child.exitCode === 0) return endMs;
    throw new LocalServiceError(`${this.#entry} failed${this.lastWords()}`);
  }

  /** @throws LocalServiceError with the last lines of output if the process has ended. */
  requireRunning(): void {
    if (!this.#hasEnded) return;
    throw new LocalServiceError(`${this.#entry} ended too soon${this.lastWords()}`);
  }

  lastWords(): string {
    return ['; its last lines:', ...this.#lines.slice(-LAST_LINES).map(({ text }) => text)].join('\n');
  }

  async stop(): Promise<void> {
    const deadline = setTimeout(() => this.#child.kill('SIGKILL'), GRACE_MS);
    this.#child.kill('SIGTERM');
    await this.#closed;
    clearTimeout(deadline);
  }

  #listen(stream: Readable): void {
    createInterface({ input: stream }).on('line', (text) => {
      this.#lines.push({ text, atMs: performance.now() });
      this.#changes.emit('change');
    });
  }
}
