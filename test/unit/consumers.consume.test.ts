import assert from 'node:assert/strict';
import test from 'node:test';
import { createSinkConsumer, topicControl } from '../../consumers/consume.ts';
import { loadSettings } from '../../core/config.ts';

test('outside the group there is nothing to pause, to resume and to seek, and nobody is a member', () => {
  const { consumer, member } = createSinkConsumer(loadSettings({ KAFKA_BROKERS: '127.0.0.1:1' }, ''));
  // As kafkajs is before it joins the group, and for some seconds after a crash.
  assert.throws(() => consumer.pause([{ topic: 't' }]), /not initialized/);
  const control = topicControl(consumer, member, 't');
  control.pause();
  control.resume();
  control.seek(0, 1n);
  assert.equal(control.isMember(), false);
});
