import type { Kafka } from 'kafkajs';
import type { Fetched } from './decoder/fetched-message.ts';

/** The internals of kafkajs 2.2.4, which package.json pins, that fetch without a consumer group. */
const CREATE_CLUSTER = 'private:Kafka:createCluster';

const READ_UNCOMMITTED = 0;

export interface PartitionAnswer {
  readonly partition: number;
  readonly lastStableOffset?: string;
  readonly messages: readonly Fetched[];
}

/** A request of kafkajs, with the function that decodes its response. */
interface ProtocolRequest {
  readonly request: object;
  readonly response: { decode(answer: Buffer): Promise<unknown>; parse(decoded: unknown): Promise<unknown> };
}

export interface Broker {
  lookupRequest(apiKey: number, versions: unknown): (request: object) => ProtocolRequest;
  readonly connectionPool: { send(request: ProtocolRequest): Promise<unknown> };
  fetch(request: object): Promise<{ readonly responses: readonly { partitions: PartitionAnswer[] }[] }>;
}

export interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  refreshMetadata(): Promise<void>;
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number }[];
  fetchTopicsOffset(topics: readonly AskedOffsets[]): Promise<readonly FoundOffsets[]>;
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Readonly<Record<string, number[]>>;
  findBroker(node: { nodeId: string }): Promise<Broker>;
}

interface AskedOffsets {
  readonly topic: string;
  readonly partitions: readonly { readonly partition: number }[];
  /** Whether the first offset is asked for, or the one after the last. */
  readonly fromBeginning: boolean;
}

interface FoundOffsets {
  readonly topic: string;
  readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
}

/** kafkajs has no public way to fetch without a consumer group. */
export function createCluster(kafka: Kafka): Cluster {
  const symbol = Object.getOwnPropertySymbols(kafka).find(
    ({ description }) => description === CREATE_CLUSTER,
  );
  if (symbol === undefined) throw new Error(`this version of kafkajs lacks ${CREATE_CLUSTER}`);
  const create = (kafka as unknown as Record<symbol, (options: object) => Cluster>)[symbol];
  if (create === undefined) throw new Error(`this version of kafkajs lacks ${CREATE_CLUSTER}`);
  // For offsets only: each fetch names its own level.
  const isolationLevel = READ_UNCOMMITTED;
  return create({ allowAutoTopicCreation: false, metadataMaxAge: 300_000, isolationLevel });
}
