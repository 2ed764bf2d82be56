import assert from 'node:assert/strict';
import test from 'node:test';
import { SinkCounts } from '../../../../consumers/report/sink-counts.ts';
import { createSinkHealth } from '../../../../consumers/report/sink-health.ts';
import { TopicGoneError } from '../../../../core/errors.ts';

const MINUTE_MS = 60_000;

function create(...some: Partial<SinkCounts>[]) {
  const state = { isMember: true, service: undefined as string | undefined, nowMs: 0 };
  const counts = (some.length === 0 ? [{}] : some).map((values, index) =>
    Object.assign(new SinkCounts(index === 0 ? 'plans' : 'tasks', 'plans_raw'), values),
  );
  const health = createSinkHealth({
    counts,
    isMember: () => state.isMember,
    missingService: () => state.service,
    nowMs: () => state.nowMs,
  });
  return { state, counts, ...health };
}

const behind = () => ({ lag: new Map([[0, 5]]) });

const unreadiness: [title: string, some: Partial<SinkCounts>, reason: string | undefined][] = [
  ['with a flowing stream is ready', { state: 'flowing' }, undefined],
  ['that inserts a backlog is ready', { state: 'inserting', ...behind() }, undefined],
  ['without a table is not ready', { state: 'learning' }, 'stream plans is preparing its table'],
  ['without resume offsets is not ready', { state: 'positioning' }, 'stream plans is looking up its offsets'],
  [
    'with a failed stream is not ready',
    { state: 'failed', failure: new TopicGoneError('s3cret') },
    '1 stream has failed: plans (ETL_TOPIC_GONE); see the log',
  ],
];
for (const [title, some, reason] of unreadiness) {
  test(`a sink ${title}`, () => assert.equal(create(some).unready(), reason));
}

test('a sink is not ready without Kafka or ClickHouse, and is not stuck without Kafka', () => {
  const { state, unready, stuck } = create(behind());
  state.isMember = false;
  assert.equal(unready(), 'Kafka has not assigned partitions to this process');
  assert.equal(stuck(), undefined);
  state.nowMs = 60 * MINUTE_MS;
  assert.equal(stuck(), undefined);
  state.isMember = true;
  state.service = 'ClickHouse';
  assert.equal(unready(), 'ClickHouse is unavailable');
});

test('a sink that neither inserts nor retries waiting messages is stuck after 15 minutes', () => {
  const { state, counts, stuck } = create(behind());
  const [plans] = counts;
  assert.ok(plans);
  const after = (minutes: number) => ((state.nowMs += minutes * MINUTE_MS), stuck());
  assert.equal(after(0), undefined);
  assert.equal(after(14), undefined);
  plans.retries++;
  assert.equal(after(1), undefined);
  assert.equal(after(14), undefined);
  plans.rows += 10;
  plans.lag.set(0, 4);
  assert.equal(after(14), undefined);
  // More messages on the topic do not mean that the sink is making progress.
  plans.lag.set(0, 40);
  assert.equal(after(15), 'messages are waiting, but nothing has been inserted or retried for 15 minutes');
  plans.lag.set(0, 0);
  assert.equal(after(30), undefined);
  assert.equal(after(30), undefined);
});

test('a stream that has failed does not make the sink count as stuck', () => {
  const { state, stuck } = create({ ...behind(), failure: new Error('gone') }, {});
  assert.equal(stuck(), undefined);
  state.nowMs = 60 * MINUTE_MS;
  assert.equal(stuck(), undefined);
});
