import type { KafkaMessage } from 'kafkajs';
import type { KafkaAdmin } from '../../core/kafka/admin.ts';
import type { OffsetSpan } from '../../core/kafka/read-spans.ts';
import { readTopics } from '../../core/kafka/topic-reader.ts';
import type { Settings } from '../../core/settings/config.ts';

interface Folding<State> {
  readonly create: () => State;
  readonly note: (state: State, message: KafkaMessage) => void;
}

/** Keeps a summary of the messages of a topic. Each read continues where the previous one ended. */
export class TopicFollower<State> {
  readonly #folding: Folding<State>;
  #state: State;
  #topicId = 0n;
  /** The offset after the last message that was read, by partition. */
  #next: ReadonlyMap<number, bigint> = new Map();

  constructor(folding: Folding<State>) {
    this.#folding = folding;
    this.#state = folding.create();
  }

  /**
   * Returns the state after all current messages of the topic. A recreated topic is read from its
   * beginning.
   * @throws the errors of `readTopics` and of `note`.
   */
  async read(
    admin: KafkaAdmin,
    settings: Pick<Settings, 'kafka' | 'topicPrefix'>,
    topic: string,
    signal: AbortSignal,
  ): Promise<State> {
    const { id, partitions } = (await admin.topicOffsets(topic)) ?? { id: 0n, partitions: [] };
    const ends = new Map(partitions.map(({ partition, end }) => [partition, end]));
    const isSame =
      id === this.#topicId && [...this.#next].every(([at, next]) => next <= (ends.get(at) ?? 0n));
    if (!isSame) {
      this.#state = this.#folding.create();
      this.#next = new Map();
    }
    this.#topicId = id;
    const spans = new Map<number, OffsetSpan>();
    for (const { partition, start, end } of partitions) {
      const next = this.#next.get(partition) ?? start;
      const from = next > start ? next : start;
      if (from < end) spans.set(partition, { from, to: end });
    }
    if (spans.size === 0) return this.#state;
    const note = (message: KafkaMessage) => this.#folding.note(this.#state, message);
    await readTopics(settings, new Map([[topic, note]]), signal, { spans: new Map([[topic, spans]]) });
    // Set only after a successful read, so the next call repeats a failed one. Noting a message
    // twice leads to the same state.
    this.#next = ends;
    return this.#state;
  }
}
