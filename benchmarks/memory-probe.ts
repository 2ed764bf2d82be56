import { readFileSync } from 'node:fs';
import { residentBytes } from '../services/process-identity.ts';

const SAMPLE_MS = 100;

/** Watches how much memory a process has resident, while it is disposed of at the latest. */
export class MemoryProbe {
  readonly #pid: number;
  readonly #timer: NodeJS.Timeout;
  #peakBytes = 0;

  constructor(pid: number) {
    this.#pid = pid;
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS);
  }

  /** Ends the watch: the most that was resident at a time, in MB (10^6 bytes). To be called while the process runs. */
  stop(): number {
    clearInterval(this.#timer);
    this.#sample();
    return this.#peakBytes / 1e6;
  }

  #sample(): void {
    this.#peakBytes = Math.max(
      this.#peakBytes,
      residentBytes(this.#pid) ?? 0,
      highWaterBytes(this.#pid) ?? 0,
    );
  }
}

/** The peak between two samples, which only Linux reports. */
function highWaterBytes(pid: number): number | undefined {
  try {
    const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
  } catch {
    return undefined;
  }
}
