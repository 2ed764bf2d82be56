import { logger } from '../core/logger.ts';
import { readPrivate } from '../core/private-files.ts';
import { processIdentity } from './process-identity.ts';

export function describeProcess(pid: number): string {
  return JSON.stringify({ pid, identity: processIdentity(pid) ?? '' });
}

/**
 * A file that identifies a process by id and identity. A damaged or outdated file must never cause
 * a signal to be sent to another process. Ids below 2 are invalid, because they denote init,
 * process groups or all processes.
 */
export class ProcessRecord {
  readonly path: string;
  #warnedOf: string | undefined;

  constructor(path: string) {
    this.path = path;
  }

  /**
   * Returns the process id; undefined if the file is missing or damaged, or the process has ended.
   */
  read(): number | undefined {
    const text = readPrivate(this.path);
    if (text === undefined) return undefined;
    const recorded = parse(text);
    if (recorded === undefined) {
      this.#warn(text, 'is damaged');
      return undefined;
    }
    const identity = processIdentity(recorded.pid);
    if (identity === recorded.identity) return recorded.pid;
    if (identity !== undefined)
      this.#warn(text, `names process ${recorded.pid}, an id that another process now uses`);
    return undefined;
  }

  #warn(text: string, why: string): void {
    if (this.#warnedOf !== text) logger.warn({ file: this.path }, `${this.path} ${why}: it is ignored`);
    this.#warnedOf = text;
  }
}

function parse(text: string): { pid: number; identity: string } | undefined {
  try {
    const { pid, identity } = JSON.parse(text) as { pid?: unknown; identity?: unknown };
    const isWhole = Number.isSafeInteger(pid) && Number(pid) > 1 && typeof identity === 'string';
    return isWhole && identity !== '' ? { pid: Number(pid), identity } : undefined;
  } catch {
    return undefined;
  }
}
