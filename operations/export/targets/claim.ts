import { randomUUID } from 'node:crypto';
import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { TargetFailedError } from '../../../core/errors.ts';

/** Identifies the export that writes to a target. */
export interface Claim {
  readonly id: string;
  readonly host: string;
  /** Process IDs are unique only within a namespace, and each container has its own namespace. */
  readonly namespace: string;
  readonly pid: number;
  /** The start time of the process in clock ticks, because a later process may have the same ID. */
  readonly started: string;
}

/**
 * An export outside this machine or container, or with an unreadable claim, counts as ended if its
 * claim has not been renewed for this long.
 */
const MAX_AGE_MS = 24 * 3_600_000;

/** Returns a claim for this process. */
export async function createClaim(): Promise<Claim> {
  const { pid } = process;
  return {
    ...(await thisMachine()),
    id: randomUUID(),
    pid,
    started: await startOf(pid),
  };
}

export function claimText(claim: Claim): string {
  return `${JSON.stringify(claim)}\n`;
}

/** Parses a claim; undefined if the text is not a claim. */
export function parseClaim(text: string | undefined): Claim | undefined {
  try {
    const parsed: unknown = JSON.parse(text ?? '');
    return isClaim(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** The export that holds a claim. */
export interface Holder {
  readonly name: string;
  /**
   * Whether the export may have ended. For a process outside this machine or container, this cannot
   * be checked.
   */
  readonly mayHaveEnded: boolean;
}

/**
 * Returns the export that holds a claim; undefined if it has ended.
 * @param claim undefined if it cannot be read, for example while it is being written.
 * @param ageMs the time since the claim was created or renewed.
 */
export async function holderOf(claim: Claim | undefined, ageMs: number): Promise<Holder | undefined> {
  const isOld = ageMs > MAX_AGE_MS;
  if (claim === undefined) return isOld ? undefined : unknownHolder;
  const { host, namespace, pid, started } = claim;
  const here = await thisMachine();
  if (host !== here.host || namespace !== here.namespace)
    return isOld ? undefined : { name: `process ${pid} on ${host}`, mayHaveEnded: true };
  if (!isAlive(pid)) return undefined;
  const now = await startOf(pid);
  const isSame = now === '' || now === started;
  return isSame ? { name: `process ${pid}`, mayHaveEnded: false } : undefined;
}

export const unknownHolder: Holder = { name: 'unknown process', mayHaveEnded: true };

/**
 * Returns the error for a target to which another export is writing.
 * @param file the file that contains the claim.
 */
export function heldError({ name, mayHaveEnded }: Holder, target: string, file: string): TargetFailedError {
  const remedy = mayHaveEnded ? `; if it was killed, delete ${file}` : '';
  return new TargetFailedError(
    `another export (${name}) is writing to ${target}: wait until it ends${remedy}`,
  );
}

async function thisMachine(): Promise<Pick<Claim, 'host' | 'namespace'>> {
  return { host: hostname(), namespace: await readlink('/proc/self/ns/pid').catch(() => '') };
}

/** Returns the start time of a process in ticks; an empty string if the system does not show it. */
async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The name of the program, in parentheses, may contain anything.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // The process belongs to another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function isClaim(value: unknown): value is Claim {
  if (typeof value !== 'object' || value === null) return false;
  const isText = (name: string) => typeof Reflect.get(value, name) === 'string';
  const pid: unknown = Reflect.get(value, 'pid');
  return (
    ['id', 'started', 'namespace'].every(isText) &&
    /^[\w.-]{1,255}$/.test(String(Reflect.get(value, 'host'))) &&
    Number.isSafeInteger(pid) &&
    Number(pid) > 0
  );
}
