import { useState } from 'preact/hooks';
import type { SettledDeadLetter, SettleJob, SettleRequest } from '../../api/dead-letters.ts';
import { Badge, type Tone } from '../shared/badge.tsx';
import { Dialog } from '../shared/dialog.tsx';
import { numberText, several } from '../shared/format.ts';
import { Prose } from '../shared/states.tsx';
import type { UsedJob } from '../shared/use-job.ts';
import { hrefOf } from '../shell/route.ts';

export type Action = SettleRequest['action'];

/** The number of digits of an id in a list, as in `npm run dead-letters -- list`. */
const SHORT_ID = 8;

export function shortId(id: string): string {
  return id.slice(0, SHORT_ID);
}

export function amountOf(count: number): string {
  return several(count, 'dead letter');
}

interface SettleDialogProps {
  readonly action: Action;
  readonly ids: readonly string[];
  readonly job: UsedJob<SettleJob>;
  readonly onClose: () => void;
}

/** Asks before dead letters are redriven or discarded. */
export function SettleDialog({ action, ids, job, onClose }: SettleDialogProps) {
  const [reason, setReason] = useState('');
  const amount = amountOf(ids.length);
  const onConfirm = () => {
    job.start('/api/dead-letters/settle', { action, ids, ...(action === 'discard' && { reason }) });
    onClose();
  };
  if (action === 'redrive')
    return (
      <Dialog
        title={`Redrive ${amount}?`}
        confirm={`Redrive ${amount}`}
        onConfirm={onConfirm}
        onClose={onClose}
      >
        <p>
          Each dead letter goes through the step that rejected it: a record is sent to its topic, and a
          message becomes a row of its table, with its original offset and version.
        </p>
        <p>A dead letter that is rejected again stays pending, with the new reason.</p>
      </Dialog>
    );
  return (
    <Dialog
      title={`Discard ${amount}?`}
      confirm={`Discard ${amount}`}
      isDangerous
      onConfirm={onConfirm}
      onClose={onClose}
    >
      <p>
        Discarded dead letters no longer count in status and reconcile. Their bytes are kept, and you can
        still redrive them.
      </p>
      <label class="field">
        <span>Reason (stored with each dead letter)</span>
        <input
          type="text"
          maxLength={500}
          value={reason}
          onInput={(event) => setReason(event.currentTarget.value)}
          placeholder="no reason given"
        />
      </label>
    </Dialog>
  );
}

const tones: Readonly<Record<SettledDeadLetter['outcome'], Tone>> = {
  redriven: 'good',
  discarded: 'plain',
  skipped: 'warn',
  failed: 'bad',
};

/** The running redrive or discard, or the latest one since the server started. */
export function SettlePanel({ job }: { readonly job: UsedJob<SettleJob> }) {
  const { state: last, error, isRunning, cancel } = job;
  const { progress, error: failure } = last ?? {};
  if (error !== undefined && progress === undefined) return <p role="alert">{error.message}</p>;
  if (progress === undefined) return null;
  const { request, settled } = progress;
  const verb = request.action === 'redrive' ? 'Redrive' : 'Discard';
  return (
    <section class="card settle-panel" aria-label={verb}>
      <div class="card-head">
        <h2>
          {verb}: {numberText(settled.length)} of {amountOf(request.ids.length)}
          {last?.state === 'cancelled' && ', cancelled'}
        </h2>
        {isRunning && (
          <button type="button" class="button" onClick={cancel}>
            Cancel
          </button>
        )}
      </div>
      <div role="status" aria-live="polite">
        {error !== undefined && <p class="settle-fault">{error.message}</p>}
        {failure !== undefined && (
          <p class="settle-fault">
            {failure.message}
            {failure.remedy !== undefined && (
              <>
                : <Prose>{failure.remedy}</Prose>
              </>
            )}
          </p>
        )}
        <ul class="settle-list">
          {settled.map(({ id, stream, outcome, text }) => (
            <li key={id}>
              <Badge tone={tones[outcome]}>{outcome}</Badge>
              <a href={hrefOf('dead-letters', id)}>
                <code>{shortId(id)}</code>
              </a>
              <span>{stream}</span>
              <span class="quiet">{text}</span>
            </li>
          ))}
        </ul>
      </div>
    </section>
  );
}
