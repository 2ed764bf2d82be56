import { sink } from '../../consumers/sink.ts';
import type { SinkCounts } from '../../consumers/stream-sink.ts';
import type { Settings } from '../../core/config.ts';
import { streams } from '../../producers/chartmogul/streams.ts';
import { produce } from '../../producers/produce.ts';
import type { StreamCounts } from '../../producers/stream-counts.ts';
import { noSignal } from './settings.ts';

/** One pass over some streams, or all. */
export async function produceStreams(
  settings: Settings,
  ...names: string[]
): Promise<readonly StreamCounts[]> {
  const specs = streams.filter(({ name }) => names.length === 0 || names.includes(name));
  return produce(settings, specs, noSignal);
}

/** Sinks some streams, or all, until caught up. */
export async function sinkStreams(settings: Settings, ...names: string[]): Promise<readonly SinkCounts[]> {
  return sink(settings, { streams: names.length === 0 ? undefined : names, untilCaughtUp: true }, noSignal);
}
