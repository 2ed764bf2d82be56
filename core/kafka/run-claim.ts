import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { AssignerProtocol, type PartitionAssigner } from 'kafkajs';
import type { KafkaAdmin } from './admin.ts';
import type { Settings } from '../settings/config.ts';
import { notAnswering, RunActiveError } from '../errors.ts';
import { isJsonObject, parseJson } from '../json.ts';
import { createKafka } from './client.ts';
import { kafkaError } from './kafka-error.ts';
import { logger } from '../logger.ts';
import { deadLettersTopic } from '../stream-name.ts';

const { MemberAssignment, MemberMetadata } = AssignerProtocol;
const PROTOCOL = 'ChartmogulRuns';
const VERSION = 1;

/** The least that a broker grants by default. For so long a run that was killed keeps the next one waiting. */
const SESSION_TIMEOUT_MS = 6_000;
const HEARTBEAT_MS = 1_500;
const POLL_MS = 250;
/** Joining waits for the sessions of the dead. */
const JOIN_DEADLINE_MS = 60_000;

/** The streams that one run works on, and where it runs. */
export interface Claim {
  readonly id: string;
  readonly names: readonly string[];
  readonly host: string;
  readonly pid: number;
  readonly sinceMs: number;
  /** The group has let it begin: later ones give way. */
  readonly isGranted: boolean;
  /** It begins whoever else has its streams. */
  readonly isTakingOver: boolean;
}

/** A member of the group, by its id. */
export interface Claimant {
  readonly memberId: string;
  /** Undefined for one that is none of ours. */
  readonly claim: Claim | undefined;
}

/**
 * That this process works on some streams and no other does. Each run is a member of one consumer group and says there which streams it
 * claims; whenever a run joins or leaves, the group's leader decides for all, so two that begin at once cannot both win, nor both lose.
 * A killed run loses its claim with its session. It keeps runs polite, not correct: transactional ids do that.
 */
export class RunClaim {
  readonly #end: () => Promise<void>;

  private constructor(end: () => Promise<void>) {
    this.#end = end;
  }

  /**
   * Returns once the streams are ours. Waits for the session of a run that was killed. The topic of dead letters has to be there.
   *
   * @throws RunActiveError where another run has any of them, unless `isTakingOver`; ServiceUnavailableError, ServiceRefusedError; the
   *   signal's reason.
   */
  static async acquire(
    admin: KafkaAdmin,
    settings: Pick<Settings, 'kafka' | 'topicPrefix'>,
    { names, isTakingOver }: Pick<Claim, 'names' | 'isTakingOver'>,
    signal: AbortSignal,
  ): Promise<RunClaim> {
    const { kafka, topicPrefix } = settings;
    const groupId = groupOf(topicPrefix);
    const topic = deadLettersTopic(topicPrefix);
    const own = {
      id: randomUUID(),
      names,
      host: hostname(),
      pid: process.pid,
      sinceMs: Date.now(),
      isTakingOver,
    };
    const verdict = { isGranted: false };
    // What is refused claims nothing more, while it is still leaving the group.
    const claim = () => ({ ...own, ...verdict, names: isRefused ? [] : names });
    let isRefused = false;
    let isOver = false;
    const rivals = async () =>
      rivalsOf(names, await claimsOf(admin, topicPrefix)).filter(({ id }) => id !== own.id);
    const present = isTakingOver ? [] : await rivals();
    if (present.length > 0)
      logger.info(
        { group: groupId },
        `${claimsText(names, present)}: waiting up to ${SESSION_TIMEOUT_MS / 1000} s to see whether it is alive`,
      );
    const consumer = createKafka(kafka, 'claim').consumer({
      groupId,
      sessionTimeout: SESSION_TIMEOUT_MS,
      heartbeatInterval: HEARTBEAT_MS,
      rebalanceTimeout: SESSION_TIMEOUT_MS,
      maxWaitTimeInMs: POLL_MS,
      allowAutoTopicCreation: false,
      // What is joining survives its own end.
      retry: { restartOnFailure: () => Promise.resolve(!isOver) },
      // Asked at every joining, so that later leaders learn what earlier ones granted.
      partitionAssigners: [claimAssigner(topic, claim)],
    });
    const end = async () => {
      isOver = true;
      await consumer.disconnect();
    };
    let onDecided: () => void = () => {};
    let onFailed: (error: unknown) => void = () => {};
    const decided = new Promise<void>((resolve, reject) => {
      onDecided = resolve;
      onFailed = reject;
    });
    decided.catch(() => {});
    const onAbort = () => onFailed(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    const deadline = setTimeout(
      () =>
        onFailed(
          notAnswering('Kafka', `${kafka.brokers.join(',')} (KAFKA_BROKERS)`, undefined, {
            reason: `no answer of group ${groupId}`,
          }),
        ),
      JOIN_DEADLINE_MS,
    );
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      // Its partition says only that the claim is granted: nothing is to be read.
      consumer.pause([{ topic }]);
      verdict.isGranted ||= topic in payload.memberAssignment;
      isRefused = !verdict.isGranted;
      onDecided();
    });
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart) onFailed(kafkaError(payload.error, kafka));
    });
    try {
      signal.throwIfAborted();
      await consumer.connect();
      await consumer.subscribe({ topics: [topic] });
      consumer.run({ autoCommit: false, eachBatch: () => Promise.resolve() }).catch(onFailed);
      // Joining waits for the sessions of the dead: what is granted in any case begins meanwhile.
      if (isTakingOver) return new RunClaim(end);
      await decided;
      if (!verdict.isGranted) {
        const active = await rivals();
        // What refused this one may have ended meanwhile.
        throw new RunActiveError(
          `${claimsText(names, active.length > 0 ? active : present)}: nothing was changed. Wait for its end, or end it with \`npm run produce -- --take-over\``,
        );
      }
      return new RunClaim(end);
    } catch (error) {
      await end();
      signal.throwIfAborted();
      throw kafkaError(error, kafka);
    } finally {
      clearTimeout(deadline);
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Whether a run has any of these streams, or had one some seconds ago and was killed. */
  static async isHeld(admin: KafkaAdmin, topicPrefix: string, names: readonly string[]): Promise<boolean> {
    return rivalsOf(names, await claimsOf(admin, topicPrefix)).length > 0;
  }

  async release(): Promise<void> {
    await this.#end();
  }
}

function groupOf(topicPrefix: string): string {
  return `${topicPrefix}runs-active`;
}

/** What the members of the group claim, those that were killed some seconds ago included. */
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
 * The members whose claims are granted: those that have been and those that take over, then the others, by their ids, each whose streams
 * nobody before it has. Pure: whoever leads the group decides the same.
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

/** Undefined for metadata that is none of ours. */
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

/** `another run has plans, tasks since 2026-01-31T12:00:00.000Z (host h, process 12)` */
function claimsText(names: readonly string[], rivals: readonly Claim[]): string {
  const granted = rivals.filter(({ isGranted }) => isGranted);
  const active = granted.length > 0 ? granted : rivals;
  const [first] = active;
  if (first === undefined) return 'another run has begun at the same moment';
  const common = names.filter((name) => active.some((rival) => rival.names.includes(name)));
  const more = common.length > MAX_NAMED ? ` and ${common.length - MAX_NAMED} more` : '';
  const since = new Date(Math.min(...active.map(({ sinceMs }) => sinceMs))).toISOString();
  return `another run has ${common.slice(0, MAX_NAMED).join(', ')}${more} since ${since} (host ${first.host}, process ${first.pid})`;
}
