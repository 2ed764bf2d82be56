import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { withConnections } from '../../core/connections.ts';
import type { DriftMode, Settings } from '../../core/settings/config.ts';
import { topicOf } from '../../core/stream-name.ts';
import { chooseDeadLetters } from '../../operations/dead-letters/dead-letters.ts';
import { discardDeadLetters, redriveDeadLetters } from '../../operations/dead-letters/settle.ts';
import { createApiServer } from '../helpers/api-server.ts';
import { runCommand } from '../helpers/command.ts';
import { produceStreams, sinkStreams } from '../helpers/pipeline.ts';
import { deadLettersOf, waitingOf } from '../helpers/read-dead-letters.ts';
import { keysOf } from '../helpers/read-topic.ts';
import {
  createRefusingTable,
  deadLetters,
  dropConstraints,
  storedOffsets,
  storedRows,
} from '../helpers/refusing-table.ts';
import { createSettings, environmentOf, noSignal } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer } from '../helpers/topic.ts';

test('redrive inserts nothing until the table is repaired, then every decodable message', async (t) => {
  const { settings, send, sendPlans } = await createRefusingTable(t);
  await sendPlans(13);
  await send([{ key: 'broken', value: Buffer.from('not a frame') }]);
  await sendPlans(1, 2, 26);
  await send([{ key: 'pl_1', value: null }]);
  const [sunk] = await sinkStreams(settings, 'plans');
  assert.deepEqual({ rows: sunk?.rows, failure: sunk?.failure }, { rows: 2, failure: undefined });

  const list = await deadLetters(t, settings, 'list', '--streams', 'plans');
  assert.equal(list.exitCode, 0, list.stderr);
  const lines = list.stdout.trimEnd().split('\n');
  assert.deepEqual(lines.slice(5), [
    '3 × plans  sink  ETL_ROW_REJECTED',
    '1 × plans  sink  ETL_DECODE',
    '4 dead letters pending',
  ]);
  // Without a terminal, the list shows the complete reason.
  assert.match(list.stdout, /ETL_ROW_REJECTED +table plans_raw refuses the row: .*no_thirteens/);
  const broken = lines.find((line) => line.includes('ETL_DECODE'))?.slice(0, 8) ?? '';
  assert.match(broken, /^[0-9a-f]{8}$/);

  const shown = await deadLetters(t, settings, 'show', broken);
  assert.equal(shown.exitCode, 0, shown.stderr);
  assert.match(shown.stdout, /^reason +not in Confluent framing/m);
  assert.match(shown.stdout, /^00000000 {2}6e 6f 74 20 61 20 66 72 61 6d 65 +\|not a frame\|$/m);

  const stillFailing = await deadLetters(t, settings, 'redrive', '--all');
  assert.equal(stillFailing.exitCode, 1);
  assert.equal(stillFailing.stdout.split('\n').filter((line) => line.includes('failed again: ')).length, 4);
  assert.match(stillFailing.stdout, /^0 redriven, 4 failed again$/m);
  const waiting = await waitingOf(settings);
  assert.deepEqual(
    waiting.map(({ attempts }) => attempts),
    [1, 1, 1, 1],
  );
  assert.deepEqual(await storedOffsets(settings), [0, 3, 4]);

  await dropConstraints(settings);
  const afterRepair = await deadLetters(t, settings, 'redrive', '--streams', 'plans');
  assert.equal(afterRepair.exitCode, 1);
  assert.equal(afterRepair.stdout.split('\n').filter((line) => line.endsWith(' row inserted')).length, 3);
  assert.match(afterRepair.stdout, /^3 redriven, 1 failed again$/m);
  assert.deepEqual(await storedRows(settings), [
    [0, 'pl_0'],
    [1, 'pl_13'],
    [3, 'pl_1'],
    [4, 'pl_2'],
    [5, 'pl_26'],
    [6, 'pl_1'],
  ]);
  const live = await rowsOf(settings, 'SELECT interval_count AS n FROM plans ORDER BY n');
  assert.deepEqual(
    live.map(({ n }) => n),
    [0, 2, 13, 26],
  );
  const [sunkAgain] = await sinkStreams(settings, 'plans');
  assert.deepEqual(
    { rows: sunkAgain?.rows, deadLetters: sunkAgain?.deadLetters },
    { rows: 0, deadLetters: 0 },
  );
  const [left, ...others] = await waitingOf(settings);
  assert.ok(left?.step === 'sink' && others.length === 0);
  assert.deepEqual({ attempts: left.attempts, offset: left.offset }, { attempts: 2, offset: 2 });
});

/**
 * Creates a source whose list of plans the test changes, and a function that runs `produce` over it
 * in a drift mode.
 */
async function createSource(t: TestContext) {
  let answer = '';
  const { baseUrl } = await createApiServer(t, { '/plans': (_, response) => response.end(answer) });
  const settings = createSettings(t, baseUrl);
  const withMode = (mode: DriftMode): Settings => ({
    ...settings,
    produce: { ...settings.produce, modes: new Map([['plans', mode]]) },
  });
  const run = async (mode: DriftMode, ...records: string[]) => {
    answer = `{"plans":[${records.join(',')}],"has_more":false}`;
    const [counts] = await produceStreams(withMode(mode), 'plans');
    assert.ok(counts);
    assert.equal(counts.failure, undefined);
    return counts;
  };
  return { settings, withMode, run, topic: topicOf(settings.topicPrefix, 'plans') };
}

test('redrive with evolve sends records rejected by freeze, which the next run does not resend', async (t) => {
  const { settings, withMode, run, topic } = await createSource(t);
  const drifted = (key: string) => `{"uuid":"${key}","name":"old","seats":9007199254740993}`;
  const unkeyed = '{"name":"without a key"}';
  const first = await run('freeze', '{"uuid":"pl_1"}', drifted('pl_2'), drifted('pl_3'), unkeyed);
  assert.deepEqual(
    { messages: first.messages, deadLettered: first.deadLettered },
    { messages: 1, deadLettered: 3 },
  );
  // A later record with the key pl_3 supersedes the rejected record.
  const second = await run(
    'freeze',
    '{"uuid":"pl_1"}',
    drifted('pl_2'),
    '{"uuid":"pl_3","name":"new"}',
    unkeyed,
  );
  assert.deepEqual(
    { messages: second.messages, deadLettered: second.deadLettered },
    { messages: 1, deadLettered: 2 },
  );
  const frozen = await deadLetters(t, withMode('freeze'), 'redrive', '--step', 'produce');
  assert.equal(frozen.exitCode, 1);
  assert.match(
    frozen.stdout,
    /^[0-9a-f]{8} {2}plans {2}produce {2}superseded: the topic has a later record/m,
  );
  assert.match(frozen.stdout, /^1 redriven, 2 failed again$/m);

  // A redriven record is rejected again if it drifts again.
  const third = await run('freeze', '{"uuid":"pl_1"}', drifted('pl_2'), drifted('pl_3'), unkeyed);
  assert.deepEqual(
    { messages: third.messages, deadLettered: third.deadLettered },
    { messages: 0, deadLettered: 3 },
  );
  const waiting = await waitingOf(settings);
  assert.deepEqual(waiting.map(({ recordKey }) => recordKey).sort(), ['pl_2', 'pl_3', undefined]);

  const deadLetter = waiting.find(({ recordKey }) => recordKey === 'pl_2');
  const shown = await deadLetters(t, settings, 'show', deadLetter?.id ?? '');
  assert.match(shown.stdout, /^ {2}"seats": 9007199254740993$/m);

  const evolved = await deadLetters(t, withMode('evolve'), 'redrive', '--all');
  assert.equal(evolved.exitCode, 1, evolved.stderr);
  assert.match(evolved.stdout, /^[0-9a-f]{8} {2}plans {2}produce {2}record sent$/m);
  assert.match(evolved.stdout, /^2 redriven, 1 failed again$/m);
  assert.deepEqual(await keysOf(settings, topic), ['pl_1', 'pl_2', 'pl_3', 'pl_3']);
  const fourth = await run('evolve', '{"uuid":"pl_1"}', drifted('pl_2'), drifted('pl_3'), unkeyed);
  assert.deepEqual(
    { messages: fourth.messages, unchanged: fourth.unchanged, deadLettered: fourth.deadLettered },
    { messages: 0, unchanged: 3, deadLettered: 1 },
  );
  await sinkStreams(settings, 'plans');
  assert.deepEqual(await rowsOf(settings, 'SELECT uuid, name, seats FROM plans ORDER BY uuid'), [
    { uuid: 'pl_1', name: null, seats: null },
    { uuid: 'pl_2', name: 'old', seats: 9007199254740993n },
    { uuid: 'pl_3', name: 'old', seats: 9007199254740993n },
  ]);
});

test('dead-letters prints one line for a request that is invalid or matches nothing', async (t) => {
  const settings = createSettings(t);
  const none = await deadLetters(t, settings, 'list');
  assert.deepEqual(
    { exitCode: none.exitCode, stdout: none.stdout, stderr: none.stderr },
    { exitCode: 0, stdout: 'no dead letters pending\n', stderr: '' },
  );
  const cases = [
    [['show', 'abcd1234'], /^no dead letter has the ID abcd1234: `list --all` shows them all\n$/],
    [['redrive'], /^redrive needs IDs, --streams a,b/],
    [['list', '--streams', 'unicorns'], /^--streams must be one of .*customers.*; got "unicorns"/],
    [['list', '--step', 'both'], /^--step must be one of produce, sink; got "both"\n$/],
  ] as const;
  await Promise.all(
    cases.map(async ([args, expected]) => {
      const { exitCode, stdout, stderr } = await deadLetters(t, settings, ...args);
      assert.deepEqual({ exitCode, stdout }, { exitCode: 2, stdout: '' }, args.join(' '));
      assert.match(stderr, expected);
    }),
  );
});

test('discarded dead letters are not counted, and redrive accepts their IDs', async (t) => {
  const { baseUrl } = await createApiServer(t, {
    '/plans': `{"plans":[{"uuid":"pl_1"},{"name":"no uuid"}],"has_more":false}`,
  });
  const settings = createSettings(t, baseUrl);
  const countDeadLetters = async () => (await produceStreams(settings, 'plans'))[0]?.deadLettered;
  assert.equal(await countDeadLetters(), 1);
  const producer = await createProducer(t, settings);
  const topic = topicOf(settings.topicPrefix, 'plans');
  await producer.send({ topic, messages: [{ key: 'pl_2', value: Buffer.from('not a frame') }] });
  // The source lacks pl_2, so the run sends a tombstone for it, which the sink stores as a row.
  assert.equal(await countDeadLetters(), 1);
  const [sunk] = await sinkStreams(settings, 'plans');
  assert.deepEqual({ rows: sunk?.rows, deadLetters: sunk?.deadLetters }, { rows: 2, deadLetters: 1 });
  const reconcile = () =>
    runCommand(t, 'commands/reconcile.ts', ['--streams', 'plans', '--source'], environmentOf(settings));
  assert.equal((await reconcile()).exitCode, 1);

  const discarded = await deadLetters(t, settings, 'discard', '--all', '--reason', 'a test record');
  assert.equal(discarded.exitCode, 0, discarded.stderr);
  assert.match(discarded.stdout, /^2 discarded$/m);
  assert.equal(await countDeadLetters(), 0);
  const equal = await reconcile();
  assert.equal(equal.exitCode, 0, equal.stdout);
  const list = await deadLetters(t, settings, 'list');
  assert.equal(list.stdout, 'no dead letters pending\n');
  const all = await deadLetters(t, settings, 'list', '--all');
  assert.match(all.stdout, /^no dead letters pending, 2 discarded$/m);

  const [deadLetter] = (await deadLettersOf(settings)).filter(({ step }) => step === 'sink');
  assert.ok(deadLetter);
  assert.equal(deadLetter.headers['discard-reason']?.toString(), 'a test record');
  const again = await deadLetters(t, settings, 'redrive', deadLetter.id);
  assert.match(again.stdout, /failed again: /);
});

test('a dead letter that was settled after it was chosen is skipped', async (t) => {
  const { settings, sendPlans } = await createRefusingTable(t);
  await sendPlans(13, 26);
  await sinkStreams(settings, 'plans');
  await dropConstraints(settings);
  await withConnections(settings, { name: 'test', needs: ['admin'] }, noSignal, async (services) => {
    const choose = () => chooseDeadLetters(services, { filter: {} }, true);
    const [early, late] = [await choose(), await choose()];
    assert.equal(early.chosen.length, 2);
    const outcomes: string[] = [];
    const note = ({
      deadLetter,
      outcome,
    }: {
      deadLetter: { recordKey?: string | undefined };
      outcome: object;
    }) => outcomes.push(`${deadLetter.recordKey ?? ''} ${Object.values(outcome).join(': ')}`);
    const isFirst = ({ recordKey }: { recordKey?: string | undefined }) => recordKey === 'pl_13';
    await discardDeadLetters(services, { ...late, chosen: late.chosen.filter(isFirst) }, 'test', note);
    await redriveDeadLetters(services, early, note);
    await discardDeadLetters(services, early, 'too late', note);
    // The order of dead letters varies.
    assert.deepEqual(outcomes.sort(), [
      'pl_13 discarded: test',
      'pl_13 skipped: it was discarded in the meantime',
      'pl_13 skipped: it was discarded in the meantime',
      'pl_26 redriven: row inserted',
      'pl_26 skipped: it was redriven in the meantime',
    ]);
  });
  assert.deepEqual(
    (await deadLettersOf(settings)).map(({ recordKey, state }) => `${recordKey ?? ''} ${state}`).sort(),
    ['pl_13 discarded', 'pl_26 redriven'],
  );
});
