import { readFileSync } from 'node:fs';

const SAMPLE_MS = 50;
/** Linux has counted in hundredths of a second for decades. */
const TICKS_PER_SECOND = 100;

/** Samples the CPU time of a process, also of one that ends meanwhile. */
export class CpuProbe {
  readonly #pid: number;
  readonly #timer: NodeJS.Timeout;
  #seconds = NaN;

  constructor(pid: number) {
    this.#pid = pid;
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS);
  }

  /** Stops sampling, and returns seconds; NaN if not on Linux. */
  stop(): number {
    clearInterval(this.#timer);
    this.#sample();
    return this.#seconds;
  }

  #sample(): void {
    try {
      // The name in parentheses may hold anything. Fields 14 and 15 are user and system time.
      const fields = readFileSync(`/proc/${this.#pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
      const ticks = Number(fields[11]) + Number(fields[12]);
      // A process that has ended, but is not reaped yet, may have given its time away.
      if (fields[0] !== 'Z') this.#seconds = ticks / TICKS_PER_SECOND;
    } catch {
      // It has ended: the last sample counts.
    }
  }
}
