import { Registry } from 'prom-client';
import { addMetric } from '../../core/metrics-server.ts';
import { createStreamCounts, type StreamCounts } from './stream-counts.ts';

/** What adds up over the runs of a process: names behind `chartmogul_produce_`. No value ever falls within a run. */
const counters: readonly {
  readonly name: string;
  readonly help: string;
  readonly of: (counts: StreamCounts) => number;
}[] = [
  {
    name: 'requests_total',
    help: 'Requests to the API, those tried again included',
    of: ({ requests }) => requests,
  },
  { name: 'retries_total', help: 'Requests tried again after a failure', of: ({ retries }) => retries },
  {
    name: 'rate_limited_total',
    help: 'Answers 429 or 503',
    of: ({ rateLimited }) => rateLimited,
  },
  { name: 'pages_total', help: 'Pages read', of: ({ pages }) => pages },
  { name: 'records_total', help: 'Records read', of: ({ records }) => records },
  { name: 'new_total', help: 'Records that the topic did not hold', of: (counts) => counts.new },
  {
    name: 'changed_total',
    help: 'Records that the topic held otherwise',
    of: ({ changed }) => changed,
  },
  { name: 'deleted_total', help: 'Deletes sent', of: ({ deleted }) => deleted },
  {
    name: 'messages_total',
    help: "Messages on the stream's topic that are committed, those of deletes included",
    of: ({ messages }) => messages,
  },
  { name: 'bytes_total', help: 'Bytes of these messages', of: ({ bytes }) => bytes },
  {
    name: 'discarded_total',
    help: 'Fields or values left out in mode discard',
    of: ({ discarded }) => discarded,
  },
  {
    name: 'new_fields_total',
    help: 'Fields that the schema learnt',
    of: ({ newFields }) => newFields.length,
  },
  {
    name: 'runs_total',
    help: 'Runs that the stream has ended, however they ended',
    of: (counts) => Number(isOver(counts)),
  },
  {
    name: 'failures_total',
    help: 'Runs in which the stream failed',
    of: ({ state }) => Number(state === 'failed'),
  },
  {
    name: 'seconds_total',
    help: 'Seconds of the runs that the stream has ended',
    of: ({ seconds }) => seconds,
  },
];

/** What a stream did in the runs of this process so far. */
interface StreamHistory {
  /** Totals of the runs before the latest, in the order of `counters`. */
  readonly before: number[];
  latest: StreamCounts;
  /** Of the runs before the latest: the last that ended, and the last that read the stream to its end. */
  ended: StreamCounts | undefined;
  done: StreamCounts | undefined;
}

/**
 * The metrics of a process that produces, in a registry of its own: names begin with `chartmogul_produce_`, the label is `stream`.
 * Counters add up over its runs.
 */
export class ProducerMetrics {
  readonly registry = new Registry();
  readonly #streams = new Map<string, StreamHistory>();

  /** @param streams those that have their metrics from the start, before any run. */
  constructor(streams: readonly string[]) {
    for (const stream of streams) this.#streams.set(stream, createHistory(createStreamCounts(stream, '')));
    counters.forEach(({ name, help, of }, index) =>
      this.#add('counter', name, help, ({ before, latest }) => (before[index] ?? 0) + of(latest)),
    );
    this.#add(
      'gauge',
      'dead_letters',
      'Records that stand on the topic of dead letters in place of their own, as the latest run met them',
      ({ latest, done }) =>
        // Before its end a run has not met them all.
        latest.state === 'done'
          ? latest.deadLettered
          : Math.max(done?.deadLettered ?? 0, latest.deadLettered),
    );
    this.#add(
      'gauge',
      'last_success_timestamp_seconds',
      'When the stream was last read to its end, in seconds since 1970; 0: not since the process began',
      ({ latest, done }) => endSeconds(latest.state === 'done' ? latest : done),
    );
    this.#add(
      'gauge',
      'failed',
      '1 where the stream failed in the latest run that it has ended, else 0',
      ({ latest, ended }) => Number((isOver(latest) ? latest : ended)?.state === 'failed'),
    );
  }

  /** Goes on with the live counts of the next run; the one before is over, whether it ended or not. */
  follow(counts: readonly StreamCounts[]): void {
    for (const count of counts) {
      const history = this.#streams.get(count.stream);
      if (history === undefined) this.#streams.set(count.stream, createHistory(count));
      else followOn(history, count);
    }
  }

  #add(
    kind: 'counter' | 'gauge',
    name: string,
    help: string,
    valueOf: (history: StreamHistory) => number,
  ): void {
    addMetric(this.registry, {
      kind,
      name: `chartmogul_produce_${name}`,
      help,
      labelNames: ['stream'],
      samples: () =>
        [...this.#streams].map(([stream, history]) => ({ labels: { stream }, value: valueOf(history) })),
    });
  }
}

function createHistory(latest: StreamCounts): StreamHistory {
  return { before: counters.map(() => 0), latest, ended: undefined, done: undefined };
}

function followOn(history: StreamHistory, next: StreamCounts): void {
  const { before, latest } = history;
  counters.forEach(({ of }, index) => (before[index] = (before[index] ?? 0) + of(latest)));
  if (isOver(latest)) history.ended = latest;
  if (latest.state === 'done') history.done = latest;
  history.latest = next;
}

function isOver({ state }: StreamCounts): boolean {
  return state === 'done' || state === 'failed' || state === 'stopped';
}

/** 0 for a run that there is not. */
function endSeconds(counts: StreamCounts | undefined): number {
  return counts === undefined ? 0 : counts.startedAtMs / 1000 + counts.seconds;
}
