import assert from 'node:assert/strict';
import test from 'node:test';
import { topicOf } from '../../core/stream-name.ts';
import { RunHistory } from '../../operations/runs/run-history.ts';
import { sendRun } from '../../producers/publish/send-run.ts';
import { StreamCounts } from '../../producers/report/stream-counts.ts';
import type { Settings } from '../../core/settings/config.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';
import { createProducer, createTopics } from '../helpers/topic.ts';

async function send(settings: Settings, run: number, failure?: Error): Promise<void> {
  const counts = ['plans', 'customers'].map((stream) =>
    Object.assign(new StreamCounts(stream, stream), {
      ...{ state: failure ? 'failed' : 'done', startedAtMs: Date.now(), seconds: 1, new: run, failure },
    }),
  );
  await sendRun(settings, `run-${run}`, counts);
}

const namesOf = ({ runs }: { runs: readonly { run: string }[] }) => runs.map(({ run }) => run).join(' ');

test('RunHistory finds runs sent after its last read, and concurrent readers see the same list', async (t) => {
  const settings = createSettings(t);
  const history = new RunHistory(settings, noSignal);
  assert.deepEqual(await history.list({}, noSignal), { runs: [], next: undefined });
  await createTopics(settings, 'runs');
  for (const run of [0, 1, 2]) await send(settings, run);
  const [one, other] = await Promise.all([history.list({}, noSignal), history.list({}, noSignal)]);
  assert.equal(namesOf(one), 'run-2 run-1 run-0');
  assert.deepEqual(one, other);
  await send(settings, 3);
  const page = await history.list({ limit: 2 }, noSignal);
  assert.equal(namesOf(page), 'run-3 run-2');
  const rest = await history.list({ limit: 2, cursor: page.next ?? '' }, noSignal);
  assert.deepEqual([namesOf(rest), rest.next], ['run-1 run-0', undefined]);
  assert.deepEqual(
    (await history.get('run-1', noSignal))?.streamRuns.map(({ stream, counts }) => [stream, counts.new]),
    [
      ['customers', 1],
      ['plans', 1],
    ],
  );
  assert.equal(await history.get('run-9', noSignal), undefined);
});

test('RunHistory reads runs from the topic if its memory does not hold them', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'runs');
  for (const run of [0, 1, 2, 3, 4]) await send(settings, run);
  // The memory has room for two runs of two streams.
  const history = new RunHistory(settings, noSignal, 4);
  assert.equal(namesOf(await history.list({ limit: 1 }, noSignal)), 'run-4');
  assert.equal(namesOf(await history.list({ limit: 4 }, noSignal)), 'run-4 run-3 run-2 run-1');
  assert.equal((await history.get('run-0', noSignal))?.run, 'run-0');
  await send(settings, 5, new Error('x'.repeat(100_000)));
  assert.equal(namesOf(await history.list({ limit: 3 }, noSignal)), 'run-5 run-4 run-3');
  assert.equal((await history.get('run-5', noSignal))?.outcome, 'failed');
});

test('RunHistory ignores messages on the topic that are not runs', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'runs');
  await send(settings, 1);
  const history = new RunHistory(settings, noSignal);
  await history.list({}, noSignal);
  const producer = await createProducer(t, settings);
  const messages = [
    { key: 'x|plans', value: '{}' },
    { key: 'run-1|plans', value: null },
  ];
  await producer.send({ topic: topicOf(settings.topicPrefix, 'runs'), messages });
  await send(settings, 2);
  assert.equal(namesOf(await history.list({}, noSignal)), 'run-2 run-1');
});
