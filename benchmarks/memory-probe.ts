import { readFileSync } from 'node:fs';
import { residentBytes } from '../services/process-identity.ts';

const SAMPLE_MS = 100;

export class MemoryProbe {
  readonly #pid: number;
  readonly #timer: NodeJS.Timeout;
  #peakBytes = 0;

  constructor(pid: number) {
    this.#pid = pid;
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS);
  }

  /**
   * Stops sampling, and returns the peak resident memory in MB (10^6 bytes). If the process has
   * ended, a peak after the last sample is missed.
   */
  stop(): number {
    clearInterval(this.#timer);
    this.#sample();
    return this.#peakBytes / 1e6;
  }

  #sample(): void {
    const bytes = [residentBytes(this.#pid) ?? 0, highWaterBytes(this.#pid) ?? 0];
    this.#peakBytes = Math.max(this.#peakBytes, ...bytes);
  }
}

/**
 * Returns the peak that the kernel recorded, including peaks between samples; undefined if the
 * process has ended, or on a system other than Linux.
 */
function highWaterBytes(pid: number): number | undefined {
  try {
    const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
  } catch {
    return undefined;
  }
}
