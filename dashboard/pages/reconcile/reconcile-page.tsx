import { useState } from 'preact/hooks';
import type { ReconcileRequest, ReconcileState } from '../../api/reconcile.ts';
import { Dialog } from '../shared/dialog.tsx';
import { durationText, numberText, several } from '../shared/format.ts';
import { EmptyState, ErrorState, Skeleton } from '../shared/states.tsx';
import { useJob, type UsedJob } from '../shared/use-job.ts';
import type { PageComponent } from '../shell/page-list.ts';
import { Report } from './report.tsx';

export const ReconcilePage: PageComponent = () => {
  const job = useJob<ReconcileState>('/api/reconcile', '/api/reconcile/cancel', (state) => state.job);
  const { state, error, isRunning } = job;
  if (state === undefined) return error === undefined ? <Skeleton lines={6} /> : <ErrorState error={error} />;
  const { job: last } = state;
  return (
    <div class="stack reconcile">
      <div class="page-head">
        <h1>Reconcile</h1>
        <p class="quiet">Compares every key and version of topics, tables and views.</p>
      </div>
      <StartForm state={state} job={job} />
      {error !== undefined && <ErrorState error={error} />}
      {isRunning && <Running state={state} onCancel={job.cancel} />}
      {last.state === 'failed' && <ErrorState error={new Error(last.error?.message)} />}
      {last.state === 'cancelled' && (
        <EmptyState title="The comparison was cancelled">Start another comparison above.</EmptyState>
      )}
      {last.state === 'idle' && (
        <EmptyState title="No comparison yet" icon="reconcile">
          A comparison reads each topic once, and ClickHouse computes the differences. Readers and sinks are
          not affected.
        </EmptyState>
      )}
      {last.state === 'done' && last.result !== undefined && (
        <Report report={last.result} job={last} isSource={last.progress?.request.comparesSource === true} />
      )}
    </div>
  );
};

interface StartProps {
  readonly state: ReconcileState;
  readonly job: UsedJob<ReconcileState>;
}

function StartForm({ state, job }: StartProps) {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [comparesSource, setSource] = useState(false);
  const [isAsking, setAsking] = useState(false);
  const start = (isRepair: boolean) => {
    const streams = [...chosen].sort();
    const request: ReconcileRequest = {
      ...(streams.length > 0 && { streams }),
      comparesSource: comparesSource && !isRepair,
      isRepair,
    };
    setAsking(false);
    job.start('/api/reconcile', request);
  };
  const toggle = (stream: string) => {
    const next = new Set(chosen);
    if (!next.delete(stream)) next.add(stream);
    setChosen(next);
  };
  const amount = chosen.size === 0 ? 'all streams' : several(chosen.size, 'stream');
  return (
    <section class="card start" aria-label="Start a comparison">
      <details>
        <summary>Streams: {chosen.size === 0 ? 'all' : [...chosen].sort().join(', ')}</summary>
        <div class="stream-choice">
          {state.streams.toSorted().map((stream) => (
            <label key={stream}>
              <input type="checkbox" checked={chosen.has(stream)} onChange={() => toggle(stream)} /> {stream}
            </label>
          ))}
        </div>
      </details>
      <label>
        <input
          type="checkbox"
          checked={comparesSource}
          onChange={(event) => setSource(event.currentTarget.checked)}
        />{' '}
        Also read ChartMogul{' '}
        <span class="quiet">(every page of each list: this takes as long as a full run)</span>
      </label>
      <div class="start-buttons">
        <button type="button" class="button main" disabled={job.isRunning} onClick={() => start(false)}>
          Compare {amount}
        </button>
        <button type="button" class="button danger" disabled={job.isRunning} onClick={() => setAsking(true)}>
          Repair…
        </button>
      </div>
      {isAsking && (
        <Dialog
          title={`Repair ${amount}?`}
          confirm={`Repair ${amount}`}
          isDangerous
          onConfirm={() => start(true)}
          onClose={() => setAsking(false)}
        >
          <p>
            A repair writes to ClickHouse: it inserts missing rows from the topic, deletes rows that are not
            on the topic, and replaces views that were changed by hand.
          </p>
          <p>A repair does not change topics or ChartMogul. It ends with another comparison.</p>
        </Dialog>
      )}
    </section>
  );
}

function Running({ state, onCancel }: { readonly state: ReconcileState; readonly onCancel: () => void }) {
  const { progress, startedMs } = state.job;
  const seconds = startedMs === undefined ? 0 : (Date.now() - startedMs) / 1_000;
  const { streams = 0, compared = 0, active = [], sources = {} } = progress ?? {};
  const read = Object.entries(sources);
  return (
    <section class="card running" aria-label="Progress">
      <div class="card-head">
        <h2>{progress?.request.isRepair === true ? 'Repairing' : 'Comparing'}</h2>
        <button type="button" class="button" onClick={onCancel}>
          Cancel
        </button>
      </div>
      <div class="running-body" role="status" aria-live="polite">
        <progress max={Math.max(1, streams)} value={compared} aria-label="Streams compared" />
        <p>
          {numberText(compared)} of {several(streams, 'stream')}, {durationText(seconds)}
        </p>
        <ul>
          {active.map(({ stream, doing, read: messages, messages: total }) => (
            <li key={stream}>
              <strong>{stream}</strong> {doing}
              {messages > 0 && ` · ${numberText(messages)} of ${several(total, 'message')}`}
            </li>
          ))}
          {compared === streams &&
            read.slice(-6).map(([stream, records]) => (
              <li key={`source ${stream}`}>
                <strong>{stream}</strong> reading ChartMogul · {several(records, 'record')}
              </li>
            ))}
        </ul>
      </div>
    </section>
  );
}
