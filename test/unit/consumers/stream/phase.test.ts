import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { nextPhase, type SinkEvent, type SinkPhase } from '../../../../consumers/stream/phase.ts';

const phases: readonly SinkPhase[] = [
  'learning',
  'positioning',
  'flowing',
  'inserting',
  'failed',
  'stopping',
];
const events: readonly SinkEvent[] = [
  'tableLearned',
  'schemaUnknown',
  'schemaLearned',
  'positioned',
  'batchDue',
  'inserted',
  'assigned',
  'topicReplaced',
  'tableChanged',
  'failed',
  'recovered',
  'stopped',
];

/** Returns one row per event: the next phase from each phase, empty if the event is not allowed. */
function table(): string[] {
  return events.map((event) => {
    const cells = phases.map((phase) => {
      try {
        return nextPhase(phase, event);
      } catch (error) {
        assert.ok(error instanceof RangeError);
        return '';
      }
    });
    return [event, ...cells].join(' | ');
  });
}

test('the transition table matches the table in DESIGN.md', () => {
  const design = readFileSync(new URL('../../../../DESIGN.md', import.meta.url), 'utf8');
  const lines = design.split('\n').map((line) => line.replace(/ *\| */g, ' | ').replace(/^ \| | \| $/g, ''));
  const start = lines.indexOf(`event | ${phases.join(' | ')}`);
  assert.notEqual(start, -1, 'DESIGN.md has no table with these phases');
  const documented = lines
    .slice(start + 2, start + 2 + events.length)
    .map((line) => line.replaceAll('`', ''));
  assert.deepEqual(documented, table());
});

test('nextPhase throws on an event that the phase does not allow', () => {
  assert.throws(() => nextPhase('failed', 'positioned'), /a sink that is failed got the event positioned/);
});

test('every phase can be reached and can change to stopping', () => {
  const reached = new Set<SinkPhase>(['learning']);
  for (const phase of reached)
    for (const event of events) {
      try {
        reached.add(nextPhase(phase, event));
      } catch {
        // The phase does not allow the event.
      }
    }
  assert.deepEqual([...reached].sort(), [...phases].sort());
  for (const phase of phases) assert.equal(nextPhase(phase, 'stopped'), 'stopping');
});
