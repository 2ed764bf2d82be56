import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import pLimit from 'p-limit';
import { connectKafkajs } from './kafka-admin.ts';
import type { SinkCounts } from '../../consumers/report/sink-counts.ts';
import {
  createClickHouse,
  literal,
  qualified,
  quoted,
  type ClickHouseClient,
} from '../../core/clickhouse/client.ts';
import { systemColumnNames } from '../../core/avro/schema.ts';
import type { Settings } from '../../core/settings/config.ts';
import type { JsonObject } from '../../core/json.ts';
import { deadLettersTopic, storageTableOf, subjectOf, topicOf, viewOf } from '../../core/stream-name.ts';
import type { ExpectedDeadLetter, Expectation, Script, Step } from '../fixtures/conformance-script.ts';
import { ScriptWriter, type ScriptMessage } from '../fixtures/conformance-writer.ts';
import { exactRowsOf, exactValue } from '../fixtures/exact-rows.ts';
import { sinkStreams } from './pipeline.ts';
import { readTopic } from './read-topic.ts';
import { noSignal } from './settings.ts';
import { createProducer, createTopics } from './topic.ts';

const PLAYS_AT_A_TIME = 8;

/** Undefined if the sink did what the script expects. */
export type Verdict = Error | undefined;

/**
 * Plays all scripts in parallel, each on a separate topic. Each round plays the steps up to the
 * next `sink`, runs one sink for all scripts, and checks the expectations that follow. A script
 * ends at its first failure.
 */
export async function playScripts(
  t: TestContext,
  settings: Settings,
  scripts: readonly Script[],
): Promise<ReadonlyMap<Script, Verdict>> {
  const client = createClickHouse(settings.clickhouse);
  t.after(() => client.close());
  const producer = await createProducer(t, settings);
  await client.command({ query: `CREATE DATABASE ${quoted(settings.clickhouse.database)}` });
  const plays = scripts.map((script) => new Play(script, settings, client));
  await createTopicsOf(settings, plays);
  const unfinished = () => plays.filter((play) => play.verdict === undefined && !play.isOver);
  for (let playing = unfinished(); playing.length > 0; playing = unfinished()) {
    const topicMessages = await each(playing, async (play) => ({
      topic: topicOf(settings.topicPrefix, play.stream),
      messages: [...(await play.advance())],
    }));
    await producer.sendBatch({ topicMessages: topicMessages.filter(({ messages }) => messages.length > 0) });
    const counts = await sinkStreams(settings, ...playing.map(({ stream }) => stream));
    const deadLetters = await readDeadLetters(settings);
    await each(playing, (play) =>
      play.check(
        counts.find(({ stream }) => stream === play.stream),
        deadLetters.get(play.stream) ?? [],
      ),
    );
  }
  return new Map(plays.map(({ script, verdict }) => [script, verdict]));
}

/** Runs the work for each play, a few at a time. */
function each<T>(plays: readonly Play[], work: (play: Play) => Promise<T>): Promise<T[]> {
  const limit = pLimit(PLAYS_AT_A_TIME);
  return Promise.all(plays.map((play) => limit(() => work(play))));
}

/** A script and how far it has been played. */
class Play {
  readonly script: Script;
  readonly stream: string;
  readonly #settings: Settings;
  readonly #client: ClickHouseClient;
  readonly #writer: ScriptWriter;
  #next = 0;
  verdict: Verdict;

  constructor(script: Script, settings: Settings, client: ClickHouseClient) {
    this.script = script;
    this.stream = script.name.replaceAll('-', '_');
    this.#settings = settings;
    this.#client = client;
    this.#writer = new ScriptWriter(settings.schemaRegistry, subjectOf(settings.topicPrefix, this.stream));
  }

  get isOver(): boolean {
    return this.#next >= this.script.steps.length;
  }

  /** Runs the steps up to the next sink. @returns the messages to send before it. */
  async advance(): Promise<readonly ScriptMessage[]> {
    const messages: ScriptMessage[] = [];
    await this.#attempt(async () => {
      for (;;) {
        const step = this.script.steps[this.#next++];
        if (step === undefined || 'sink' in step) return;
        const message = await this.#run(step);
        if (message !== undefined) messages.push(message);
      }
    });
    return this.verdict === undefined ? messages : [];
  }

  /**
   * Compares the result of the last sink with the script, which expects no dead letters and no
   * failure unless it states otherwise.
   */
  async check(counts: SinkCounts | undefined, deadLetters: readonly DeadLetter[]): Promise<void> {
    const expected: Expectation[] = [];
    for (; !this.isOver; this.#next++) {
      const step = this.script.steps[this.#next];
      if (step === undefined || !isExpectation(step)) break;
      expected.push(step);
    }
    if (this.verdict !== undefined) return;
    const failure = expected.find((step) => 'failure' in step);
    const expectedDeadLetters = expected.find((step) => 'deadLetters' in step);
    await this.#attempt(async () => {
      const message = counts?.failure?.message;
      if (failure === undefined) assert.equal(message, undefined);
      else assert.match(message ?? 'no failure', new RegExp(failure.failure));
      compareDeadLetters(deadLetters, expectedDeadLetters?.deadLetters ?? []);
      for (const step of expected) await this.#compare(step);
    });
  }

  async #run(step: Step): Promise<ScriptMessage | undefined> {
    if ('record' in step) return this.#writer.record(step.record, step.writer, step);
    if ('bytes' in step) return this.#writer.bytes(step.bytes, step);
    if ('tombstone' in step) return this.#writer.tombstone(step.tombstone, step);
    if ('fields' in step || 'schema' in step) await this.#writer.register(step);
    else if ('sql' in step) await this.#client.command({ query: this.#filled(step.sql) });
    else if (!('topic' in step)) throw new Error('the script has an expectation before its first sink');
    return undefined;
  }

  async #compare(step: Expectation): Promise<void> {
    if ('view' in step) {
      const order = this.#writer.primaryKey.map(quoted).join(', ') || 'ALL';
      await this.#compareRows(`SELECT * EXCEPT (_changed_at) FROM {view} ORDER BY ${order}`, step.view);
    } else if ('storage' in step) {
      const names = Object.keys(step.storage[0] ?? {}).map(quoted);
      const sql = `SELECT ${names.join(', ')} FROM {table} ORDER BY _partition, _offset`;
      await this.#compareRows(sql, step.storage);
    } else if ('query' in step) {
      await this.#compareRows(step.query, step.rows);
    } else if ('columns' in step) {
      const table = `database = ${literal(this.#settings.clickhouse.database)} AND table = ${literal(storageTableOf(this.stream))}`;
      const own = `default_kind != 'EPHEMERAL' AND NOT has([${systemColumnNames.map((name) => `'${name}'`).join(', ')}], name)`;
      const sql = `SELECT name, type FROM system.columns WHERE ${table} AND ${own} ORDER BY position`;
      const columns = Object.entries(step.columns).map(([name, type]) => ({ name, type }));
      await this.#compareRows(sql, columns);
    }
  }

  async #compareRows(sql: string, expected: readonly JsonObject[]): Promise<void> {
    const rows = await exactRowsOf(this.#client, this.#settings.clickhouse, this.#filled(sql), noSignal);
    assert.deepEqual(rows, expected.map(exactValue), sql);
  }

  #filled(sql: string): string {
    const { database } = this.#settings.clickhouse;
    return sql
      .replaceAll('{table}', qualified(database, storageTableOf(this.stream)))
      .replaceAll('{view}', qualified(database, viewOf(this.stream)));
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const message = `${this.script.name}, up to step ${this.#next}`;
      this.verdict ??= new Error(message, { cause: error });
    }
  }
}

function isExpectation(step: Step): step is Expectation {
  return ['view', 'storage', 'columns', 'deadLetters', 'failure', 'query'].some((key) => key in step);
}

async function createTopicsOf(settings: Settings, plays: readonly Play[]): Promise<void> {
  const configured = plays.map((play) => ({
    topic: topicOf(settings.topicPrefix, play.stream),
    stream: play.stream,
    config: play.script.steps.find((step) => 'topic' in step)?.topic,
  }));
  const admin = await connectKafkajs(settings.kafka);
  const topics = configured.flatMap(({ topic, config }) => {
    const configEntries = Object.entries(config ?? {}).map(([name, value]) => ({ name, value }));
    return config === undefined ? [] : [{ topic, numPartitions: 4, configEntries }];
  });
  await admin.createTopics({ topics, waitForLeaders: true });
  await admin.disconnect();
  await createTopics(settings, ...configured.map(({ stream }) => stream));
}

interface DeadLetter {
  readonly partition: number;
  readonly offset: number;
  readonly code: string;
  readonly reason: string;
  readonly key: string | null;
  readonly hex: string;
}

/** Returns the dead letters by stream. */
async function readDeadLetters(settings: Settings): Promise<ReadonlyMap<string, readonly DeadLetter[]>> {
  const admin = await connectKafkajs(settings.kafka);
  const topic = deadLettersTopic(settings.topicPrefix);
  const exists = (await admin.listTopics()).includes(topic);
  await admin.disconnect();
  const byKey = new Map(
    exists ? (await readTopic(settings, topic)).map((message) => [message.key, message]) : [],
  );
  const byStream = new Map<string, DeadLetter[]>();
  for (const { headers, value } of byKey.values()) {
    const { stream = '', partition, offset, code = '', reason = '', key = null } = textsOf(headers);
    const deadLetter = { partition: Number(partition), offset: Number(offset), code, reason, key };
    byStream.set(stream, [
      ...(byStream.get(stream) ?? []),
      { ...deadLetter, hex: value?.toString('hex') ?? '' },
    ]);
  }
  for (const deadLetters of byStream.values())
    deadLetters.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
  return byStream;
}

function textsOf(headers: Readonly<Record<string, Buffer>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, text.toString('utf8')]));
}

function compareDeadLetters(
  deadLetters: readonly DeadLetter[],
  expected: readonly ExpectedDeadLetter[],
): void {
  const without = (deadLetter: object, left: (name: string) => boolean) =>
    Object.fromEntries(Object.entries(deadLetter).filter(([name]) => !left(name)));
  const described = deadLetters.map((deadLetter, index) =>
    without(deadLetter, (name) => name === 'reason' || !(name in (expected[index] ?? deadLetter))),
  );
  assert.deepEqual(
    described,
    expected.map((deadLetter) => without(deadLetter, (name) => name === 'reason')),
  );
  for (const [index, { reason }] of expected.entries())
    if (reason !== undefined) assert.match(deadLetters[index]?.reason ?? '', new RegExp(reason));
}
