import assert from 'node:assert/strict';
import test from 'node:test';
import { replay } from '../../operations/replay/replay.ts';
import type { StreamSchema } from '../../core/avro/schema.ts';
import { literal, qualified } from '../../core/clickhouse/client.ts';
import { topicOf } from '../../core/stream-name.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { command } from '../helpers/plans-table.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer, createTopics, messagesOf } from '../helpers/topic.ts';

const fake = 'CONSTRAINT shape_424242 ASSUME 1';

/**
 * Docs that resemble parts of a table definition, and docs that would end the quotes around them.
 */
const docs = [
  fake,
  `, ${fake}, `,
  `it's ', ${fake}, '`,
  `\\', ${fake}, \\'`,
  `\`, ${fake}, \``,
  `", ${fake}, "`,
  `\n, ${fake}\n) ENGINE = MergeTree TTL x COMMENT 'y'`,
  `\\`,
  `-- ' /* ${fake}`,
  `CONSTRAINT c CHECK 1, ${fake}`,
];

test('docs, defaults and comments that resemble SQL break neither table changes nor replays', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  const producer = await createProducer(t, settings);
  const send = async (round: number, uuid: string) => {
    const fields = docs.slice(0, round === 0 ? 5 : docs.length).map((doc, index) => ({
      name: `f${index}`,
      doc,
      type: ['null', 'string'] as const,
      default: null,
    }));
    const added = Array.from({ length: round }, (_, index) => ({
      name: `round${index}`,
      type: ['null', 'long'] as const,
      default: null,
    }));
    const schema = {
      type: 'record',
      name: 'plans',
      doc: docs.join(' '),
      primaryKey: ['uuid'],
      fields: [{ name: 'uuid', doc: fake, type: 'string' }, ...fields, ...added],
    } as unknown as StreamSchema;
    const record = { uuid, f0: fake, ...(round > 0 && { round0: round }) };
    const messages = await messagesOf(settings, 'plans', [record], schema);
    await producer.send({ topic: topicOf(settings.topicPrefix, 'plans'), messages });
  };
  const rounds = ['a', 'b', 'c'];
  for (const [round, uuid] of rounds.entries()) {
    await send(round, uuid);
    const [counts] = await sinkStreams(settings, 'plans');
    assert.deepEqual(
      { failure: counts?.failure, rows: counts?.rows, deadLetters: counts?.deadLetters },
      { failure: undefined, rows: 1, deadLetters: 0 },
    );
  }
  const rows = 'SELECT uuid, f0, round0 FROM plans ORDER BY uuid';
  const expected = [null, 1, 2].map((round0, index) => ({ uuid: rounds[index], f0: fake, round0 }));
  assert.deepEqual(await rowsOf(settings, rows), expected);

  // A condition that mentions `_deleted` only in a string does not depend on deletes.
  const table = qualified(settings.clickhouse.database, 'plans_raw');
  await command(
    settings,
    `ALTER TABLE ${table} MODIFY COMMENT ${literal(docs.join(''))}`,
    `ALTER TABLE ${table} ADD CONSTRAINT \`odd ' name\` CHECK uuid != ${literal(`d, CONSTRAINT x CHECK _deleted, ${fake}`)}`,
  );
  await send(4, 'd');
  assert.equal((await sinkStreams(settings, 'plans'))[0]?.failure, undefined);
  const [replayed] = await replay(settings, { streams: ['plans'], from: undefined }, noSignal);
  assert.deepEqual(
    { failure: replayed?.failure, liveAfter: replayed?.liveAfter },
    { failure: undefined, liveAfter: 4 },
  );
  await send(5, 'e');
  assert.equal((await sinkStreams(settings, 'plans'))[0]?.failure, undefined);
  assert.equal((await rowsOf(settings, rows)).length, 5);
});
