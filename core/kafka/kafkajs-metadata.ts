import { createRequire } from 'node:module';

/** Where kafkajs has the requests for metadata: in version 2.2.4, which package.json asks for. */
const SOURCE = 'kafkajs/src/protocol';
/** The latest version of the request that kafkajs speaks, and the first one whose answer has the ids of topics (Kafka 2.8). */
const SPOKEN = 6;
const WITH_IDS = 10;
const UNKNOWN_TOPIC_OR_PARTITION = 3;

/** A partition as kafkajs hands it out, with what {@link extendKafkajsMetadata} adds. */
export interface PartitionMetadataWithId {
  readonly partitionId: number;
  /** Hexadecimal; undefined where the broker has no ids. */
  readonly topicId?: string;
}

interface Metadata {
  readonly topicMetadata: readonly { readonly topicErrorCode: number }[];
}

interface Response {
  readonly decode: (bytes: Buffer) => Promise<Metadata>;
  readonly parse: (metadata: Metadata) => Promise<Metadata>;
}

type Protocol = (options: {
  readonly topics: readonly string[];
  readonly allowAutoTopicCreation: boolean;
}) => {
  readonly request: object;
  readonly response: Response;
};

interface Definition {
  versions: string[];
  protocol: (version: { readonly version: number }) => Protocol;
}

interface Encoder {
  writeUVarInt(value: number): Encoder;
  writeUVarIntString(value: string): Encoder;
  writeUVarIntArray(items: readonly Encoder[]): Encoder;
  writeBuffer(bytes: Buffer): Encoder;
  writeBoolean(value: boolean): Encoder;
}

interface Decoder {
  readInt16(): number;
  readInt32(): number;
  readBoolean(): boolean;
  readBytes(length: number): Buffer;
  readUVarIntString(): string | null;
  readUVarIntArray<T>(read: (decoder: Decoder) => T): T[] | null;
  readTaggedFields(): unknown;
}

interface TopicPartitions {
  readonly topic: string;
  readonly partitions: readonly object[];
}

interface ClusterClass {
  readonly prototype: {
    fetchTopicsOffset: (
      this: unknown,
      asked: readonly TopicPartitions[],
    ) => Promise<readonly TopicPartitions[]>;
  };
}

let isExtended = false;

/**
 * Changes three things in what the clients of kafkajs learn of topics:
 *
 * - The id of each topic, which stands with its partitions. A topic that was deleted and made again has another one.
 * - A topic that is gone is left out of the answer. kafkajs throws for the whole answer, so that one deleted topic would keep consumers and admin
 *   clients from all others.
 * - An offset look-up returns every requested topic; a deleted topic has no partitions. kafkajs
 *   omits it, and its callers, which read the first partition of every topic, fail with a
 *   TypeError.
 *
 * @throws Error (MODULE_NOT_FOUND) with a version of kafkajs that has no such modules.
 */
export function extendKafkajsMetadata(): void {
  if (isExtended) return;
  isExtended = true;
  const require = createRequire(import.meta.url);
  const definition = require(`${SOURCE}/requests/metadata/index.js`) as Definition;
  const EncoderClass = require(`${SOURCE}/encoder.js`) as new () => Encoder;
  const DecoderClass = require(`${SOURCE}/decoder.js`) as new (bytes: Buffer) => Decoder;
  answerForEveryTopic((require('kafkajs/src/cluster/index.js') as ClusterClass).prototype);
  const spoken = definition.protocol;
  definition.versions = [...definition.versions, String(WITH_IDS)];
  definition.protocol = ({ version }) => {
    const original = spoken({ version: Math.min(version, SPOKEN) });
    return (options) => {
      const { request, response } = original(options);
      const parse = (metadata: Metadata) => response.parse(withoutUnknown(metadata));
      if (version < WITH_IDS) return { request, response: { decode: response.decode, parse } };
      return {
        request: {
          ...request,
          apiVersion: WITH_IDS,
          encode: () => Promise.resolve(encodeRequest(() => new EncoderClass(), options)),
        },
        response: { decode: (bytes) => Promise.resolve(decodeResponse(new DecoderClass(bytes))), parse },
      };
    };
  };
}

function answerForEveryTopic(cluster: ClusterClass['prototype']): void {
  const original = cluster.fetchTopicsOffset;
  cluster.fetchTopicsOffset = async function (asked) {
    const answers = new Map((await original.call(this, asked)).map((answer) => [answer.topic, answer]));
    return asked.map(({ topic }) => answers.get(topic) ?? { topic, partitions: [] });
  };
}

function withoutUnknown(metadata: Metadata): Metadata {
  const known = metadata.topicMetadata.filter(
    ({ topicErrorCode }) => topicErrorCode !== UNKNOWN_TOPIC_OR_PARTITION,
  );
  return { ...metadata, topicMetadata: known };
}

const NO_ID = Buffer.alloc(16);

function encodeRequest(
  create: () => Encoder,
  { topics, allowAutoTopicCreation }: Parameters<Protocol>[0],
): Encoder {
  // The tags of the header, which kafkajs does not know.
  const out = create().writeUVarInt(0);
  // None at all asks for every topic.
  if (topics.length === 0) out.writeUVarInt(0);
  else
    out.writeUVarIntArray(
      topics.map((topic) => create().writeBuffer(NO_ID).writeUVarIntString(topic).writeUVarInt(0)),
    );
  return out.writeBoolean(allowAutoTopicCreation).writeBoolean(false).writeBoolean(false).writeUVarInt(0);
}

function decodeResponse(decoder: Decoder): Metadata & Record<string, unknown> {
  decoder.readTaggedFields();
  const throttleTime = decoder.readInt32();
  const metadata = {
    throttleTime: 0,
    clientSideThrottleTime: throttleTime,
    brokers: decoder.readUVarIntArray(decodeBroker) ?? [],
    clusterId: decoder.readUVarIntString(),
    controllerId: decoder.readInt32(),
    topicMetadata: decoder.readUVarIntArray(decodeTopic) ?? [],
  };
  return metadata;
}

function decodeBroker(decoder: Decoder) {
  const broker = {
    nodeId: decoder.readInt32(),
    host: decoder.readUVarIntString(),
    port: decoder.readInt32(),
    rack: decoder.readUVarIntString(),
  };
  decoder.readTaggedFields();
  return broker;
}

function decodeTopic(decoder: Decoder) {
  const topicErrorCode = decoder.readInt16();
  const topic = decoder.readUVarIntString();
  const topicId = decoder.readBytes(NO_ID.length).toString('hex');
  const isInternal = decoder.readBoolean();
  const partitionMetadata =
    decoder.readUVarIntArray((partition) => ({ ...decodePartition(partition), topicId })) ?? [];
  decoder.readInt32();
  decoder.readTaggedFields();
  return { topicErrorCode, topic, topicId, isInternal, partitionMetadata };
}

function decodePartition(decoder: Decoder) {
  const readNodes = () => decoder.readUVarIntArray((node) => node.readInt32()) ?? [];
  const partitionErrorCode = decoder.readInt16();
  const partitionId = decoder.readInt32();
  const leader = decoder.readInt32();
  // The epoch of the leader.
  decoder.readInt32();
  const [replicas, isr, offlineReplicas] = [readNodes(), readNodes(), readNodes()];
  decoder.readTaggedFields();
  return { partitionErrorCode, partitionId, leader, replicas, isr, offlineReplicas };
}
