import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import type { ISocketFactory } from 'kafkajs';
import type { Settings } from '../settings/config.ts';
import { createKafka } from './client.ts';
import type { Fetched } from './decoder/fetched-message.ts';

/** The internals of kafkajs 2.2.4, which package.json pins, that fetch without a consumer group. */
const CREATE_CLUSTER = 'private:Kafka:createCluster';
const SOCKET_FACTORY = 'kafkajs/src/network/socketFactory.js';

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
  /** True requests the first offset; false requests the offset after the last message. */
  readonly fromBeginning: boolean;
}

interface FoundOffsets {
  readonly topic: string;
  readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
}

/** kafkajs has no public way to fetch without a consumer group. */
export function createCluster(settings: Settings['kafka'], role: string): Cluster {
  const sockets = new Sockets();
  const kafka = createKafka(settings, role, { socketFactory: sockets.open });
  const symbol = Object.getOwnPropertySymbols(kafka).find(
    ({ description }) => description === CREATE_CLUSTER,
  );
  if (symbol === undefined) throw new Error(`this version of kafkajs lacks ${CREATE_CLUSTER}`);
  const create = (kafka as unknown as Record<symbol, (options: object) => Cluster>)[symbol];
  if (create === undefined) throw new Error(`this version of kafkajs lacks ${CREATE_CLUSTER}`);
  // Applies to offset requests only: each fetch names its own isolation level.
  const isolationLevel = READ_UNCOMMITTED;
  const cluster = create.call(kafka, {
    allowAutoTopicCreation: false,
    metadataMaxAge: 300_000,
    isolationLevel,
  });
  const disconnect = cluster.disconnect.bind(cluster);
  cluster.disconnect = async () => {
    sockets.close();
    await disconnect();
  };
  return cluster;
}

/**
 * The sockets of a cluster. kafkajs closes a socket only after the responses to its requests, for
 * which it waits up to 30 s. Afterwards, it opens new sockets to repeat a request that nothing
 * awaits. They would stay open and keep the process alive.
 */
class Sockets {
  readonly #open = new Set<Socket>();
  readonly #create: ISocketFactory;
  #isClosed = false;

  constructor() {
    this.#create = (createRequire(import.meta.url)(SOCKET_FACTORY) as () => ISocketFactory)();
  }

  /** @throws Error after {@link close}; kafkajs reports it as a failed connection. */
  readonly open: ISocketFactory = (options) => {
    if (this.#isClosed) throw new Error('the client is closed');
    const socket = this.#create(options);
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    return socket;
  };

  close(): void {
    this.#isClosed = true;
    for (const socket of this.#open) {
      // As if the broker had closed it: kafkajs rejects the requests that wait for a response.
      socket.emit('end');
      socket.destroy();
    }
  }
}
