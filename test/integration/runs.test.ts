import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { Settings } from '../../core/settings/config.ts';
import { withConnections } from '../../core/connections.ts';
import { ConfigError } from '../../core/errors.ts';
import { topicOf } from '../../core/stream-name.ts';
import { getRun, listRuns, type RunPage } from '../../operations/runs/runs.ts';
import { sendRun } from '../../producers/publish/send-run.ts';
import { StreamCounts } from '../../producers/report/stream-counts.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';
import { createProducer, createTopics } from '../helpers/topic.ts';

const services = { name: 'test', needs: ['admin', 'registry'] } as const;

function list(settings: Settings, options?: Parameters<typeof listRuns>[1]): Promise<RunPage> {
  return withConnections(settings, services, noSignal, (connections) => listRuns(connections, options));
}

function countsOf(stream: string, run: number): StreamCounts {
  const counts = new StreamCounts(stream, `chartmogul.${stream}`);
  return Object.assign(counts, { state: 'done', startedAtMs: Date.now(), seconds: 1, new: run, requests: 2 });
}

async function sendRuns(t: TestContext, settings: Settings): Promise<void> {
  await createTopics(settings, 'runs');
  for (let run = 0; run < 5; run++)
    await sendRun(
      settings,
      `run-${run}`,
      ['plans', 'customers', 'invoices'].map((name) => countsOf(name, run)),
    );
  const producer = await createProducer(t, settings);
  const topic = topicOf(settings.topicPrefix, 'runs');
  // These messages are not runs.
  await producer.send({
    topic,
    messages: [
      { key: 'x|plans', value: '{}' },
      { key: 'run-9|plans', value: null },
      { key: 'y', value: Buffer.from([0, 0, 0, 0, 1]) },
    ],
  });
}

test('listRuns pages from the newest run to the oldest, with all streams of each run', async (t) => {
  const settings = createSettings(t);
  await sendRuns(t, settings);
  const all = await list(settings);
  assert.deepEqual(
    all.runs.map(({ run, streams, counts }) => [run, streams, counts.new]),
    [4, 3, 2, 1, 0].map((run) => [`run-${run}`, 3, run * 3]),
  );
  assert.equal(all.next, undefined);
  const found: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await list(settings, { limit: 2, ...(cursor !== undefined && { cursor }) });
    found.push(page.runs.map(({ run }) => run).join(' '));
    cursor = page.next;
  } while (cursor !== undefined);
  assert.deepEqual(found, ['run-4 run-3', 'run-2 run-1', 'run-0']);
});

test('getRun returns the streams of a run, or undefined for an unknown run', async (t) => {
  const settings = createSettings(t);
  await sendRuns(t, settings);
  await withConnections(settings, services, noSignal, async (connections) => {
    const run = await getRun(connections, 'run-1');
    assert.deepEqual(
      run?.streamRuns.map(({ stream, counts }) => [stream, counts.requests]),
      [
        ['customers', 2],
        ['invoices', 2],
        ['plans', 2],
      ],
    );
    assert.equal(await getRun(connections, 'run-7'), undefined);
  });
});

test('listRuns returns an empty page before the first run, and rejects invalid arguments', async (t) => {
  const settings = createSettings(t);
  assert.deepEqual(await list(settings), { runs: [], next: undefined });
  await assert.rejects(list(settings, { limit: 0 }), ConfigError);
  await assert.rejects(list(settings, { cursor: 'x' }), /the cursor must be a time and a run; got "x"/);
});
