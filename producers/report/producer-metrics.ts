import { Registry } from 'prom-client';
import { addMetric } from '../../core/metrics-server.ts';
import { ScheduleCounts } from './schedule-counts.ts';
import { StreamCounts } from './stream-counts.ts';

type Counter = readonly [name: string, help: string, of: (counts: StreamCounts) => number];

/** Counters across all runs of a process. Their names lack the prefix `chartmogul_produce_`. */
const counters: readonly Counter[] = [
  ['requests_total', 'Requests to the API, including retries', ({ requests }) => requests],
  ['retries_total', 'Requests that failed for a reason that may be temporary', ({ retries }) => retries],
  ['rate_limited_total', 'Responses with status 429 or 503', ({ rateLimited }) => rateLimited],
  ['pages_total', 'Pages read', ({ pages }) => pages],
  ['records_total', 'Records read', ({ records }) => records],
  ['new_total', 'Records that were not on the topic', (counts) => counts.new],
  ['changed_total', 'Records that were on the topic with other values', ({ changed }) => changed],
  ['deleted_total', 'Tombstones sent', ({ deleted }) => deleted],
  [
    'messages_total',
    "Committed messages on the stream's topic, including tombstones",
    ({ messages }) => messages,
  ],
  ['bytes_total', "Bytes of the committed messages on the stream's topic", ({ bytes }) => bytes],
  ['discarded_total', 'Fields or values omitted in discard mode', ({ discarded }) => discarded],
  ['new_fields_total', 'Fields added to the schema', ({ newFields }) => newFields.length],
  ['runs_total', 'Runs of the stream that ended, with any outcome', (counts) => Number(isOver(counts))],
  ['failures_total', 'Runs in which the stream failed', ({ state }) => Number(state === 'failed')],
  ['seconds_total', "Total duration of the stream's runs that ended", ({ seconds }) => seconds],
];

interface StreamHistory {
  /** Totals of the runs before the latest, in the order of `counters`. */
  readonly before: number[];
  latest: StreamCounts;
  /** The last of the earlier runs that ended. */
  ended: StreamCounts | undefined;
  /** The last of the earlier runs that read the entire stream. */
  done: StreamCounts | undefined;
}

type Gauge = readonly [name: string, help: string, valueOf: (history: StreamHistory) => number];

const gauges: readonly Gauge[] = [
  [
    'dead_letters',
    'Records that are pending on the dead-letter topic, as seen by the latest run',
    // A run has seen all dead letters only at its end.
    ({ latest, done }) =>
      latest.state === 'done' ? latest.deadLettered : Math.max(done?.deadLettered ?? 0, latest.deadLettered),
  ],
  [
    'last_success_timestamp_seconds',
    'When the stream was last read to its end, as a Unix timestamp in seconds; 0 if not in this process',
    ({ latest, done }) => endSeconds(latest.state === 'done' ? latest : done),
  ],
  [
    'failed',
    "1 if the stream's last completed run failed, else 0",
    ({ latest, ended }) => Number((isOver(latest) ? latest : ended)?.state === 'failed'),
  ],
];

/** Prometheus metrics of a producer process by stream. Counters accumulate across its runs. */
export class ProducerMetrics {
  readonly registry = new Registry();
  readonly #streams = new Map<string, StreamHistory>();

  /** @param streams that have metrics even before their first run. */
  constructor(streams: readonly string[], schedule = new ScheduleCounts()) {
    for (const stream of streams) this.#streams.set(stream, createHistory(new StreamCounts(stream, '')));
    counters.forEach(([name, help, of], index) =>
      this.#add('counter', name, help, ({ before, latest }) => (before[index] ?? 0) + of(latest)),
    );
    for (const [name, help, valueOf] of gauges) this.#add('gauge', name, help, valueOf);
    this.#addScheduled(schedule);
  }

  /**
   * Switches to the live counts of the next run, and adds those of the previous run to the totals.
   */
  follow(counts: readonly StreamCounts[]): void {
    for (const count of counts) {
      const history = this.#streams.get(count.stream);
      if (history === undefined) this.#streams.set(count.stream, createHistory(count));
      else followOn(history, count);
    }
  }

  #addScheduled(schedule: ScheduleCounts): void {
    addMetric(this.registry, {
      kind: 'counter',
      name: 'chartmogul_produce_missed_runs_total',
      help: 'Scheduled times at which no run began, because a run was active or the host slept',
      labelNames: [],
      samples: () => [{ labels: {}, value: schedule.missedRuns }],
    });
    addMetric(this.registry, {
      kind: 'gauge',
      name: 'chartmogul_produce_next_run_timestamp_seconds',
      help: 'When the next run is due, as a Unix timestamp in seconds; 0 during a run and without a schedule',
      labelNames: [],
      samples: () => [{ labels: {}, value: (schedule.nextRun?.getTime() ?? 0) / 1000 }],
    });
  }

  #add(kind: 'counter' | 'gauge', ...[name, help, valueOf]: Gauge): void {
    const samples = () =>
      [...this.#streams].map(([stream, history]) => ({ labels: { stream }, value: valueOf(history) }));
    addMetric(this.registry, {
      kind,
      name: `chartmogul_produce_${name}`,
      help,
      labelNames: ['stream'],
      samples,
    });
  }
}

function createHistory(latest: StreamCounts): StreamHistory {
  return { before: counters.map(() => 0), latest, ended: undefined, done: undefined };
}

function followOn(history: StreamHistory, next: StreamCounts): void {
  const { before, latest } = history;
  counters.forEach(([, , of], index) => (before[index] = (before[index] ?? 0) + of(latest)));
  if (isOver(latest)) history.ended = latest;
  if (latest.state === 'done') history.done = latest;
  history.latest = next;
}

function isOver({ state }: StreamCounts): boolean {
  return state === 'done' || state === 'failed' || state === 'stopped';
}

/** Returns the end of a run as a Unix timestamp in seconds; 0 if there is no such run. */
function endSeconds(counts: StreamCounts | undefined): number {
  return counts === undefined ? 0 : counts.startedAtMs / 1000 + counts.seconds;
}
