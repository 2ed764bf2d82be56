import assert from 'node:assert/strict';
import { loadSettings } from '../../core/settings/config.ts';
import { logger } from '../../core/logger.ts';
import { CheckpointTracker } from '../../producers/state/checkpoint-tracker.ts';
import { checkpointMessage, parseCheckpoint, type SliceState } from '../../producers/state/checkpoint.ts';
import type { Page } from '../../producers/chartmogul/source-list.ts';
import { readStream, type ReadPlan } from '../../producers/chartmogul/stream-reader.ts';
import { streams, type StreamSpec } from '../../producers/chartmogul/streams.ts';
import { collect, fakeSource, type Answerer } from './fake-source.ts';

// What goes wrong on purpose is no news: tests look at the outcome.
logger.level = 'silent';

/** A run that begins, without parents to visit. */
export const beginning: ReadPlan = {
  slices: new Map(),
  metrics: { ...loadSettings({}, '').produce.metrics, intervals: ['day', 'month', 'year'] },
  isHistoryKnown: () => false,
  visits: () => Promise.reject(new Error('the parents are asked for')),
  settled: () => [],
};

export function specOf(name: string): StreamSpec {
  const spec = streams.find((candidate) => candidate.name === name);
  assert.ok(spec);
  return spec;
}

/** All pages of a stream, what was asked for them, and whether the account was said not to have the stream. */
export async function readPages(spec: StreamSpec, answer: Answerer, plan: Partial<ReadPlan> = {}) {
  const { client, requests } = fakeSource(answer);
  const absences: true[] = [];
  let denials = 0;
  const observer = { onAbsent: () => absences.push(true), onDenied: () => denials++ };
  const pages = await collect(readStream(client, spec, { ...beginning, ...plan }, observer));
  return { pages, requests, isAbsent: absences.length > 0, denials };
}

/** The slices of a checkpoint after these pages, as the next run finds them on the topic. */
export function slicesAfter(stream: string, pages: readonly Page[]): ReadonlyMap<string, SliceState> {
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
  for (const page of pages) tracker.advance(page);
  const text = checkpointMessage(stream, tracker.checkpoint).value?.toString() ?? '';
  const slices = parseCheckpoint(text)?.slices;
  assert.ok(slices);
  return slices;
}
