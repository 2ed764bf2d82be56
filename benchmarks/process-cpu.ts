import { readFileSync } from 'node:fs';

/** Linux reports CPU time in hundredths of a second, regardless of the kernel's tick rate. */
const TICKS_PER_SECOND = 100;

/**
 * Returns the CPU time of a process so far, in seconds; NaN if it has ended, or on a system other
 * than Linux.
 */
export function cpuSeconds(pid: number): number {
  try {
    // The name in parentheses may contain any character. Fields 14 and 15 are user and system time.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    // A zombie may already have passed its time on to its parent.
    if (fields[0] === 'Z') return NaN;
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return NaN;
  }
}

/** Returns the CPU time that all threads of this process have used, in µs. */
export function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

const SAMPLE_MS = 20;

/** Samples the CPU time of a process that may end at any time. */
export class CpuProbe {
  readonly #pid: number;
  readonly #timer: NodeJS.Timeout;
  #seconds = NaN;

  constructor(pid: number) {
    this.#pid = pid;
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS);
  }

  /**
   * Stops sampling and returns the last sampled CPU time in seconds; NaN if there is none, as on a
   * system other than Linux.
   */
  stop(): number {
    clearInterval(this.#timer);
    this.#sample();
    return this.#seconds;
  }

  #sample(): void {
    const now = cpuSeconds(this.#pid);
    if (now > 0) this.#seconds = now;
  }
}
