import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { AssignerProtocol, type PartitionAssigner } from 'kafkajs';
import type { KafkaAdmin } from './admin.ts';
import type { Settings } from '../settings/config.ts';
import { RunActiveError } from '../errors.ts';
import { isJsonObject, parseJson } from '../json.ts';
import { joinLockGroup, LOCK_SESSION_MS, type GroupLock } from './group-lock.ts';
import { logger } from '../logger.ts';
import { deadLettersTopic } from '../stream-name.ts';

const { MemberAssignment, MemberMetadata } = AssignerProtocol;
const PROTOCOL = 'ChartmogulRuns';
const VERSION = 1;

/** The streams that a run works on, and where it runs. */
export interface Claim {
  readonly id: string;
  readonly names: readonly string[];
  readonly host: string;
  readonly pid: number;
  readonly sinceMs: number;
  /** The group has granted the claim; later runs give way. */
  readonly isGranted: boolean;
  /** The run begins even if other runs have claimed its streams. */
  readonly isTakingOver: boolean;
}

export interface Claimant {
  readonly memberId: string;
  /** Undefined for a member that is not a run of this project. */
  readonly claim: Claim | undefined;
}

/**
 * Claims streams for this process. Each run is a member of one consumer group, where its metadata
 * names the streams that it claims. When a run joins or leaves, the group's leader decides for all:
 * of two rivals that start at the same time, one wins. A killed run loses its claim when its
 * session expires. Claims only avoid conflicts; transactional ids ensure correctness.
 *
 * Returns once this process has claimed the streams, at the latest when the session of a killed run
 * expires; with `isTakingOver`, returns without waiting. The caller releases the claim. The
 * dead-letter topic must exist.
 * @throws RunActiveError if another run has claimed any of the streams, unless `isTakingOver`;
 *   ServiceUnavailableError, ServiceRefusedError; the signal's reason.
 */
export async function claimStreams(
  admin: KafkaAdmin,
  settings: Pick<Settings, 'kafka' | 'topicPrefix'>,
  { names, isTakingOver }: Pick<Claim, 'names' | 'isTakingOver'>,
  signal: AbortSignal,
): Promise<GroupLock> {
  const { kafka, topicPrefix } = settings;
  const groupId = groupOf(topicPrefix);
  const topic = deadLettersTopic(topicPrefix);
  const id = randomUUID();
  const own = { id, host: hostname(), pid: process.pid, sinceMs: Date.now(), isTakingOver };
  let isGranted = false;
  // A refused run claims nothing while it leaves the group.
  let isRefused = false;
  const claim = () => ({ ...own, isGranted, names: isRefused ? [] : names });
  const rivals = async () =>
    rivalsOf(names, await claimsOf(admin, topicPrefix)).filter((claim) => claim.id !== id);
  const present = isTakingOver ? [] : await rivals();
  if (present.length > 0)
    logger.info(
      { group: groupId },
      `${claimsText(names, present)}: waiting up to ${LOCK_SESSION_MS / 1000} s to see whether it is alive`,
    );
  const lock = joinLockGroup(
    kafka,
    {
      role: 'claim',
      groupId,
      topic,
      // Called at every join, so later leaders see which claims earlier leaders granted.
      partitionAssigners: [claimAssigner(topic, claim)],
      isHolder: ({ memberAssignment }) => {
        isGranted ||= topic in memberAssignment;
        isRefused = !isGranted;
        return isGranted;
      },
    },
    signal,
  );
  try {
    // A claim that takes over is always granted, so the run does not wait for the join.
    if (isTakingOver || (await lock.joined)) return lock;
    const active = await rivals();
    // The run that caused the refusal may have ended.
    throw new RunActiveError(
      `${claimsText(names, active.length > 0 ? active : present)}: nothing was changed. Wait for it to end, or end it with \`npm run produce -- --take-over\``,
    );
  } catch (error) {
    await lock.release();
    signal.throwIfAborted();
    throw error;
  }
}

/**
 * Returns whether a run has claimed any of these streams. A run that was killed seconds ago counts.
 */
export async function areClaimed(
  admin: KafkaAdmin,
  topicPrefix: string,
  names: readonly string[],
): Promise<boolean> {
  return rivalsOf(names, await claimsOf(admin, topicPrefix)).length > 0;
}

function groupOf(topicPrefix: string): string {
  return `${topicPrefix}runs-active`;
}

/** Returns the claims of the group's members, including runs that were killed seconds ago. */
async function claimsOf(admin: KafkaAdmin, topicPrefix: string): Promise<Claim[]> {
  return (await admin.groupMembers(groupOf(topicPrefix))).flatMap((metadata) => claimIn(metadata) ?? []);
}

function claimAssigner(topic: string, claim: () => Claim): PartitionAssigner {
  return () => ({
    name: PROTOCOL,
    version: VERSION,
    protocol: ({ topics }) => ({
      name: PROTOCOL,
      metadata: MemberMetadata.encode({
        version: VERSION,
        topics,
        userData: Buffer.from(JSON.stringify(claim())),
      }),
    }),
    assign: ({ members }) => {
      const granted = grantClaims(
        members.map(({ memberId, memberMetadata }) => ({ memberId, claim: claimIn(memberMetadata) })),
      );
      return Promise.resolve(
        members.map(({ memberId }) => ({
          memberId,
          memberAssignment: MemberAssignment.encode({
            version: VERSION,
            assignment: granted.has(memberId) ? { [topic]: [0] } : {},
            userData: Buffer.alloc(0),
          }),
        })),
      );
    },
  });
}

/**
 * Returns the members whose claims are granted: first those granted earlier and those that take
 * over, then, by member id, each member whose streams are free. The function is pure, so every
 * leader grants the same claims.
 */
export function grantClaims(claimants: readonly Claimant[]): Set<string> {
  const sorted = [...claimants].sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
  const granted = new Set<string>();
  const taken = new Set<string>();
  const grant = ({ memberId, claim }: Claimant) => {
    granted.add(memberId);
    for (const name of claim?.names ?? []) taken.add(name);
  };
  const isFirst = ({ claim }: Claimant) => claim !== undefined && (claim.isGranted || claim.isTakingOver);
  for (const claimant of sorted) if (isFirst(claimant)) grant(claimant);
  for (const claimant of sorted) {
    if (claimant.claim === undefined || isFirst(claimant)) continue;
    if (!claimant.claim.names.some((name) => taken.has(name))) grant(claimant);
  }
  return granted;
}

function rivalsOf(names: readonly string[], claims: readonly Claim[]): Claim[] {
  return claims.filter((claim) => claim.names.some((name) => names.includes(name)));
}

function claimIn(memberMetadata: Buffer): Claim | undefined {
  try {
    const claim = parseJson(MemberMetadata.decode(memberMetadata)?.userData.toString('utf8') ?? '');
    if (!isJsonObject(claim)) return undefined;
    const { id, names, host, pid, sinceMs, isGranted, isTakingOver } = claim;
    if (typeof id !== 'string' || !Array.isArray(names) || typeof host !== 'string') return undefined;
    if (typeof pid !== 'number' || typeof sinceMs !== 'number') return undefined;
    return {
      id,
      names: names.filter((name): name is string => typeof name === 'string'),
      host,
      pid,
      sinceMs,
      isGranted: isGranted === true,
      isTakingOver: isTakingOver === true,
    };
  } catch {
    return undefined;
  }
}

const MAX_NAMED = 5;

/**
 * Returns, for example, `another run claimed plans, tasks at 2026-01-31T12:00:00.000Z (host h,
 * process 12)`; without rivals, says that another run started at the same time.
 */
function claimsText(names: readonly string[], rivals: readonly Claim[]): string {
  const granted = rivals.filter(({ isGranted }) => isGranted);
  const active = granted.length > 0 ? granted : rivals;
  const [first] = active;
  if (first === undefined) return 'another run started at the same time';
  const common = names.filter((name) => active.some((rival) => rival.names.includes(name)));
  const more = common.length > MAX_NAMED ? ` and ${common.length - MAX_NAMED} more` : '';
  const since = new Date(Math.min(...active.map(({ sinceMs }) => sinceMs))).toISOString();
  return `another run claimed ${common.slice(0, MAX_NAMED).join(', ')}${more} at ${since} (host ${first.host}, process ${first.pid})`;
}
