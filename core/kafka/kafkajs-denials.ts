import { createRequire } from 'node:module';

/** The modules of kafkajs 2.2.4, which package.json pins, that send requests to brokers. */
const BROKER = 'kafkajs/src/broker/index.js';
const CLUSTER = 'kafkajs/src/cluster/index.js';

/** A permission that the user lacks, in the terms of `kafka-acls.sh`. */
export interface Denial {
  readonly operation: string;
  /** Such as `topic chartmogul.plans`. */
  readonly resource: string;
}

type Request = (this: object, ...args: unknown[]) => Promise<unknown>;

/** The operation that an ACL must allow, by request and by the resource type in Kafka's error. */
const operations: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  metadata: { TOPIC: 'Describe' },
  listOffsets: { TOPIC: 'Describe' },
  fetch: { TOPIC: 'Read' },
  produce: { TOPIC: 'Write', TRANSACTIONAL_ID: 'Write', CLUSTER: 'IdempotentWrite' },
  createTopics: { TOPIC: 'Create', CLUSTER: 'Create' },
  describeConfigs: { TOPIC: 'DescribeConfigs', CLUSTER: 'DescribeConfigs' },
  findGroupCoordinator: { GROUP: 'Describe', TRANSACTIONAL_ID: 'Describe' },
  joinGroup: { GROUP: 'Read' },
  syncGroup: { GROUP: 'Read' },
  heartbeat: { GROUP: 'Read' },
  offsetCommit: { GROUP: 'Read', TOPIC: 'Read' },
  offsetFetch: { GROUP: 'Describe', TOPIC: 'Describe' },
  describeGroups: { GROUP: 'Describe' },
  initProducerId: { TRANSACTIONAL_ID: 'Write', CLUSTER: 'IdempotentWrite' },
  addPartitionsToTxn: { TRANSACTIONAL_ID: 'Write', TOPIC: 'Write' },
  endTxn: { TRANSACTIONAL_ID: 'Write' },
};

const denials = new WeakMap<Error, Denial>();
let isObserved = false;

/**
 * Records which request of kafkajs was denied: its errors name neither operation nor resource.
 * @throws Error (MODULE_NOT_FOUND) if this version of kafkajs lacks the module.
 */
export function observeKafkajsDenials(): void {
  if (isObserved) return;
  isObserved = true;
  const require = createRequire(import.meta.url);
  const { prototype } = require(BROKER) as { prototype: Record<string, Request> };
  for (const [name, byError] of Object.entries(operations)) {
    const request = prototype[name];
    if (request === undefined) throw new Error(`kafkajs has no request ${name}`);
    prototype[name] = async function (...args) {
      try {
        return await request.apply(this, args);
      } catch (error) {
        for (const one of errorsIn(error)) record(one, byError, args[0]);
        if (name === FIND) lastFound.set(groupIn(args[0]), error);
        throw error;
      }
    };
  }
  const cluster = (require(CLUSTER) as { prototype: Record<typeof SEARCH, Request> }).prototype;
  const search = cluster[SEARCH];
  cluster[SEARCH] = async function (...args) {
    const group = groupIn(args[0]);
    try {
      return await search.apply(this, args);
    } catch (error) {
      const found = lastFound.get(group);
      throw found instanceof Error && denials.has(found) ? found : error;
    } finally {
      lastFound.delete(group);
    }
  };
}

/** kafkajs asks every broker for a coordinator, and replaces their errors with one of its own. */
const FIND = 'findGroupCoordinator';
const SEARCH = 'findGroupCoordinatorMetadata';
/** The last error of {@link FIND} by group or transactional id. */
const lastFound = new Map<string, unknown>();

function groupIn(args: unknown): string {
  return String((args as { readonly groupId?: unknown }).groupId);
}

/**
 * Returns the permission that an ACL must grant; undefined unless a request was denied with this
 * error.
 */
export function denialOf(error: Error): Denial | undefined {
  return denials.get(error);
}

function errorsIn(error: unknown): Error[] {
  if (!(error instanceof Error)) return [];
  const several = 'errors' in error && Array.isArray(error.errors) ? (error.errors as unknown[]) : [];
  return [error, ...several.filter((one) => one instanceof Error)];
}

function record(error: Error, byError: Readonly<Record<string, string>>, args: unknown): void {
  const type = 'type' in error ? String(error.type) : '';
  const kind = /^([A-Z_]+)_AUTHORIZATION_FAILED$/.exec(type)?.[1];
  const operation = kind === undefined ? undefined : byError[kind];
  if (kind === undefined || operation === undefined) return;
  const names = 'topic' in error ? [String(error.topic)] : namesIn(kind, args);
  denials.set(error, { operation, resource: resourceText(kind, names) });
}

/** Returns the names of this kind in the arguments of a request. */
function namesIn(kind: string, args: unknown): string[] {
  // The argument of `metadata` is a list of topics.
  const fields: Readonly<Record<string, unknown>> =
    typeof args === 'object' && args !== null && !Array.isArray(args)
      ? (args as Record<string, unknown>)
      : { topics: args };
  const lists: Readonly<Record<string, readonly string[]>> = {
    TOPIC: ['topics', 'topicData', 'resources'],
    GROUP: ['groupId', 'groupIds'],
    // kafkajs names the transactional id `groupId` when it searches for its coordinator.
    TRANSACTIONAL_ID: ['transactionalId', 'groupId'],
  };
  const values = (lists[kind] ?? []).flatMap((name) => fields[name] ?? []);
  return values.flatMap((value) => {
    if (typeof value === 'string') return [value];
    const { topic, name } = value as { readonly topic?: unknown; readonly name?: unknown };
    return [topic, name].filter((text) => typeof text === 'string').slice(0, 1);
  });
}

function resourceText(kind: string, [first, ...others]: readonly string[]): string {
  const word = kind === 'TRANSACTIONAL_ID' ? 'transactional id' : kind.toLowerCase();
  if (kind === 'CLUSTER' || first === undefined) return `the ${word}`;
  return `${word} ${first}${others.length > 0 ? ` or ${others.length} more` : ''}`;
}
