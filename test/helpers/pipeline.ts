import { randomUUID } from 'node:crypto';
import { sink } from '../../consumers/run/sink.ts';
import type { SinkCounts } from '../../consumers/report/sink-counts.ts';
import type { Settings } from '../../core/settings/config.ts';
import { chooseStreams, knownStreams } from '../../producers/chartmogul/known-streams.ts';
import type { RunOptions } from '../../producers/run/run-context.ts';
import { produce } from '../../producers/run/produce.ts';
import type { StreamCounts } from '../../producers/report/stream-counts.ts';
import { noSignal } from './settings.ts';

/** Runs `produce` over these streams and the streams of their parents, or over all streams. */
export async function produceStreams(
  settings: Settings,
  ...names: string[]
): Promise<readonly StreamCounts[]> {
  return produceWith(settings, {}, ...names);
}

/** Runs `produce` over these streams with the given command options. */
export async function produceWith(
  settings: Settings,
  options: Partial<RunOptions>,
  ...names: string[]
): Promise<readonly StreamCounts[]> {
  const specs = chooseStreams(knownStreams(settings), names.length === 0 ? undefined : names.join(','));
  const standard = { run: randomUUID(), isFull: false, isMassDeleteAllowed: false };
  return produce(settings, specs, noSignal, { ...standard, ...options });
}

/** Sinks these streams, or all streams, until caught up. */
export async function sinkStreams(settings: Settings, ...names: string[]): Promise<readonly SinkCounts[]> {
  return sink(settings, { streams: names.length === 0 ? undefined : names, untilCaughtUp: true }, noSignal);
}
