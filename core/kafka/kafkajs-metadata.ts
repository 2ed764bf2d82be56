import { createRequire } from 'node:module';

/** Folder of kafkajs's metadata requests in version 2.2.4, which package.json pins. */
const SOURCE = 'kafkajs/src/protocol';
/** The latest version of the request that kafkajs has, and the first with topic ids (Kafka 2.8). */
const KNOWN_VERSION = 6;
const VERSION_WITH_IDS = 10;
const UNKNOWN_TOPIC_OR_PARTITION = 3;

/** A partition as kafkajs returns it, with the id that {@link extendKafkajsMetadata} adds. */
export interface PartitionMetadataWithId {
  readonly partitionId: number;
  /** Hexadecimal; undefined if the broker has no topic ids. */
  readonly topicId?: string;
}

interface Metadata {
  readonly topicMetadata: readonly { readonly topicErrorCode: number }[];
}

interface Response {
  readonly decode: (bytes: Buffer) => Promise<Metadata>;
  readonly parse: (metadata: Metadata) => Promise<Metadata>;
}

interface RequestOptions {
  readonly topics: readonly string[];
  readonly allowAutoTopicCreation: boolean;
}

type Protocol = (options: RequestOptions) => { readonly request: object; readonly response: Response };

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

interface Cluster {
  fetchTopicsOffset: (
    this: unknown,
    asked: readonly TopicPartitions[],
  ) => Promise<readonly TopicPartitions[]>;
}

let isExtended = false;

/**
 * Changes three things in the topic metadata of kafkajs's clients:
 *
 * - Partitions carry the id of their topic. A recreated topic has another id.
 * - The response omits deleted topics. kafkajs would reject a response that contains one.
 * - An offset lookup returns a deleted topic without partitions. kafkajs omits it, and its callers,
 *   which read the first partition of every topic, fail with a TypeError.
 * @throws Error (MODULE_NOT_FOUND) if this version of kafkajs lacks the modules.
 */
export function extendKafkajsMetadata(): void {
  if (isExtended) return;
  isExtended = true;
  const require = createRequire(import.meta.url);
  const definition = require(`${SOURCE}/requests/metadata/index.js`) as Definition;
  const EncoderClass = require(`${SOURCE}/encoder.js`) as new () => Encoder;
  const DecoderClass = require(`${SOURCE}/decoder.js`) as new (bytes: Buffer) => Decoder;
  answerForEveryTopic((require('kafkajs/src/cluster/index.js') as { readonly prototype: Cluster }).prototype);
  const createProtocol = definition.protocol;
  definition.versions = [...definition.versions, String(VERSION_WITH_IDS)];
  definition.protocol = ({ version }) => {
    const original = createProtocol({ version: Math.min(version, KNOWN_VERSION) });
    return (options) => {
      const { request, response } = original(options);
      const parse = (metadata: Metadata) => response.parse(withoutUnknown(metadata));
      if (version < VERSION_WITH_IDS) return { request, response: { decode: response.decode, parse } };
      return {
        request: {
          ...request,
          apiVersion: VERSION_WITH_IDS,
          encode: () => Promise.resolve(encodeRequest(() => new EncoderClass(), options)),
        },
        response: { decode: (bytes) => Promise.resolve(decodeResponse(new DecoderClass(bytes))), parse },
      };
    };
  };
}

function answerForEveryTopic(cluster: Cluster): void {
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

function encodeRequest(create: () => Encoder, { topics, allowAutoTopicCreation }: RequestOptions): Encoder {
  // The header's tags, which kafkajs does not write.
  const out = create().writeUVarInt(0);
  const asked = topics.map((topic) => create().writeBuffer(NO_ID).writeUVarIntString(topic).writeUVarInt(0));
  // A null list asks for every topic.
  if (asked.length === 0) out.writeUVarInt(0);
  else out.writeUVarIntArray(asked);
  return out.writeBoolean(allowAutoTopicCreation).writeBoolean(false).writeBoolean(false).writeUVarInt(0);
}

function decodeResponse(decoder: Decoder): Metadata & Record<string, unknown> {
  decoder.readTaggedFields();
  return {
    throttleTime: 0,
    clientSideThrottleTime: decoder.readInt32(),
    brokers: decoder.readUVarIntArray(decodeBroker) ?? [],
    clusterId: decoder.readUVarIntString(),
    controllerId: decoder.readInt32(),
    topicMetadata: decoder.readUVarIntArray(decodeTopic) ?? [],
  };
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
