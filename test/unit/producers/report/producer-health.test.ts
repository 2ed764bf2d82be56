import assert from 'node:assert/strict';
import test from 'node:test';
import { FencedError, RunActiveError, ServiceUnavailableError } from '../../../../core/errors.ts';
import { ProducerHealth } from '../../../../producers/report/producer-health.ts';
import { StreamCounts } from '../../../../producers/report/stream-counts.ts';

const counts = (some: Partial<StreamCounts> = {}) => [
  Object.assign(new StreamCounts('plans', 'chartmogul.plans'), some),
];

test('a producer is ready while it waits, while it is connected and after a successful run', async () => {
  const health = new ProducerHealth();
  assert.equal(health.unready(), undefined);
  await health.during((follow) => {
    assert.equal(health.unready(), 'the first run is connecting');
    follow(counts({ deadLettered: 3 }));
    assert.equal(health.unready(), undefined);
    return Promise.resolve();
  });
  assert.equal(health.unready(), undefined);
  await health.during(() => {
    assert.equal(health.unready(), undefined);
    return Promise.resolve();
  });
});

test('a producer is unready after a failed run until a run succeeds', async () => {
  const health = new ProducerHealth();
  const failure = new FencedError('s3cret');
  await health.during((follow) => {
    follow(counts({ failure }));
    return Promise.resolve();
  });
  const reason = '1 stream has failed: plans (ETL_FENCED); see the log';
  assert.equal(health.unready(), reason);
  await health.during((follow) => {
    follow(counts());
    assert.equal(health.unready(), reason);
    return Promise.resolve();
  });
  assert.equal(health.unready(), undefined);
  const away = new ServiceUnavailableError('s3cret');
  await assert.rejects(
    health.during(() => Promise.reject(away)),
    away,
  );
  assert.equal(health.unready(), 'the last run has failed (ETL_SERVICE_UNAVAILABLE); see the log');
});

test('a run that is skipped because another one is active leaves the producer ready', async () => {
  const health = new ProducerHealth();
  const active = new RunActiveError('another run is active');
  await assert.rejects(
    health.during(() => Promise.reject(active)),
    active,
  );
  assert.equal(health.unready(), undefined);
});

test('a run that makes no progress for 30 minutes is stuck', async () => {
  let nowMs = 0;
  const health = new ProducerHealth(() => nowMs);
  const after = (minutes: number) => ((nowMs += minutes * 60_000), health.stuck());
  assert.equal(after(0), undefined);
  assert.equal(after(500), undefined);
  await health.during((follow) => {
    const [plans] = counts();
    assert.ok(plans);
    follow([plans]);
    assert.equal(after(0), undefined);
    assert.equal(after(29), undefined);
    plans.retries++;
    assert.equal(after(29), undefined);
    assert.equal(after(30), 'the run has made no progress for 30 minutes');
    return Promise.resolve();
  });
  assert.equal(after(1), undefined);
});
