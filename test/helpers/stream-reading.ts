import assert from 'node:assert/strict';
import { loadSettings } from '../../core/settings/config.ts';
import { logger } from '../../core/logger.ts';
import { CheckpointTracker } from '../../producers/state/checkpoint-tracker.ts';
import { checkpointMessage, parseCheckpoint } from '../../producers/state/checkpoint.ts';
import type { ListProgress, SourceEvent } from '../../producers/chartmogul/source-list.ts';
import { readStream } from '../../producers/chartmogul/stream-reader.ts';
import type { ReadPlan } from '../../producers/chartmogul/stream-source.ts';
import { streams, type StreamSpec } from '../../producers/chartmogul/streams.ts';
import { collect, fakeSource, type Answerer } from './fake-source.ts';

// Silent, because tests cause errors on purpose and check the outcome.
logger.level = 'silent';

/** The plan of a new run. A request for parents fails. */
export const beginning: ReadPlan = {
  slices: new Map(),
  metrics: { ...loadSettings({}, '').produce.metrics, intervals: ['day', 'month', 'year'] },
  isHistoryKnown: () => false,
  visits: () => Promise.reject(new Error('the parents were requested')),
  settled: () => [],
};

export function specOf(name: string): StreamSpec {
  const spec = streams.find((candidate) => candidate.name === name);
  assert.ok(spec);
  return spec;
}

/**
 * Reads a stream. Returns its events and pages, the requests, whether the account lacks the stream,
 * and the number of denied parents.
 */
export async function readPages(spec: StreamSpec, answer: Answerer, plan: Partial<ReadPlan> = {}) {
  const { client, requests } = fakeSource(answer);
  const absences: true[] = [];
  let denials = 0;
  const observer = { onAbsent: () => absences.push(true), onDenied: () => denials++ };
  const events = await collect(readStream({ client, spec, plan: { ...beginning, ...plan }, observer }));
  const pages = events.filter((event) => event.kind === 'page');
  return { events, pages, requests, isAbsent: absences.length > 0, denials };
}

/** Returns the first `count` pages and the other events before the last of them. */
export function firstPages(events: readonly SourceEvent[], count: number): SourceEvent[] {
  let pages = 0;
  return events.filter(({ kind }) => (kind === 'page' ? ++pages <= count : pages < count));
}

/**
 * Returns the slices of a checkpoint after these events, as the next run finds them on the topic.
 */
export function slicesAfter(
  stream: string,
  events: readonly SourceEvent[],
): ReadonlyMap<string, ListProgress> {
  const tracker = new CheckpointTracker(stream, {
    run: 'run',
    startedAtMs: 0,
    isFull: false,
    isComplete: false,
    round: 1,
    roundAtMs: 0,
    pages: 0,
    records: 0,
    expectedPages: undefined,
    slices: new Map(),
  });
  for (const event of events) tracker.advance(event);
  const text = checkpointMessage(stream, tracker.checkpoint).value?.toString() ?? '';
  const slices = parseCheckpoint(text)?.slices;
  assert.ok(slices);
  return slices;
}
