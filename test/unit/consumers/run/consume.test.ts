import assert from 'node:assert/strict';
import test from 'node:test';
import { SinkGroup } from '../../../../consumers/run/sink-group.ts';
import { loadSettings } from '../../../../core/settings/config.ts';

test('SinkGroup ignores pause, resume and seek while its consumer is outside the group', () => {
  const group = new SinkGroup(loadSettings({ KAFKA_BROKERS: '127.0.0.1:1' }, ''));
  const { consumer } = group.current;
  // kafkajs is in this state before it joins the group, and for a few seconds after a crash.
  assert.throws(() => consumer.pause([{ topic: 't' }]), /not initialized/);
  const control = group.control('t');
  control.pause();
  control.resume();
  control.seek(0, 1n);
  assert.equal(control.isMember(), false);
});
