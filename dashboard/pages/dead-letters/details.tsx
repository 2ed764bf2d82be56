import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { DeadLetterDetails, SettleJob } from '../../api/dead-letters.ts';
import { Badge, type Tone } from '../shared/badge.tsx';
import { bytesText } from '../shared/format.ts';
import { Icon } from '../shared/icon.tsx';
import { ErrorState, Skeleton } from '../shared/states.tsx';
import { Time } from '../shared/time.tsx';
import { useApi } from '../shared/use-api.ts';
import type { UsedJob } from '../shared/use-job.ts';
import { hrefOf } from '../shell/route.ts';
import { SettleDialog, SettlePanel, shortId, type Action } from './settle.tsx';

const stateTones: Readonly<Record<DeadLetterDetails['state'], Tone>> = {
  waiting: 'bad',
  redriven: 'good',
  discarded: 'plain',
};

interface DetailsProps {
  readonly id: string;
  readonly job: UsedJob<SettleJob>;
}

/** One dead letter: where it came from, why it was rejected, and its content. */
export function DeadLetterPage({ id, job }: DetailsProps) {
  const { data, error, reload } = useApi<DeadLetterDetails>(`/api/dead-letters/${encodeURIComponent(id)}`);
  const [action, setAction] = useState<Action>();
  useEffect(reload, [job.isRunning]);
  return (
    <div class="stack dead-letters">
      <div class="page-head">
        <h1>
          <a href={hrefOf('dead-letters')}>Dead letters</a> <span class="quiet">/</span>{' '}
          <code>{shortId(id)}</code>
        </h1>
        {data !== undefined && data.state !== 'redriven' && (
          <div class="actions bare">
            {data.state === 'waiting' && (
              <button
                type="button"
                class="button danger"
                disabled={job.isRunning}
                onClick={() => setAction('discard')}
              >
                Discard…
              </button>
            )}
            <button
              type="button"
              class="button main"
              disabled={job.isRunning}
              onClick={() => setAction('redrive')}
            >
              Redrive…
            </button>
          </div>
        )}
      </div>
      <SettlePanel job={job} />
      {error !== undefined && data === undefined && <ErrorState error={error} onRetry={reload} />}
      {data === undefined && error === undefined && <Skeleton lines={8} />}
      {data !== undefined && (
        <>
          <Summary data={data} />
          <Content data={data} />
          <Headers data={data} />
        </>
      )}
      {action !== undefined && data !== undefined && (
        <SettleDialog action={action} ids={[data.id]} job={job} onClose={() => setAction(undefined)} />
      )}
    </div>
  );
}

function Summary({ data }: { readonly data: DeadLetterDetails }) {
  const { id, stream, step, code, reason, state, attempts, recordKey, rejectedMs, redrivenMs } = data;
  return (
    <section class="card" aria-label="Summary">
      <div class="card-head">
        <p>
          <Badge tone={stateTones[state]}>{state === 'waiting' ? 'pending' : state}</Badge>{' '}
          <Badge tone="bad">{code}</Badge> {reason}
        </p>
      </div>
      <dl class="facts">
        <Fact name="ID">
          <code class="breaks">{id}</code> <CopyButton text={id} />
        </Fact>
        <Fact name="Stream">
          <a href={hrefOf('streams', stream)}>{stream}</a>
        </Fact>
        <Fact name="Step">
          {step === 'produce' ? 'produce: a record from ChartMogul' : 'sink: a message from the topic'}
        </Fact>
        {recordKey !== undefined && (
          <Fact name="Key">
            <code class="breaks">{recordKey}</code>
          </Fact>
        )}
        {data.topic !== undefined && (
          <Fact name="Message">
            {data.topic}, partition {data.partition}, offset {data.offset}
          </Fact>
        )}
        {data.timestampMs !== undefined && (
          <Fact name="Message time">
            <Time ms={data.timestampMs} />
          </Fact>
        )}
        <Fact name="Rejected">
          <Time ms={rejectedMs} />
        </Fact>
        {redrivenMs !== undefined && (
          <Fact name="Redriven">
            <Time ms={redrivenMs} />
          </Fact>
        )}
        {attempts > 0 && <Fact name="Failed redrives">{attempts}</Fact>}
        <Fact name="Size">{bytesText(data.bytes)}</Fact>
      </dl>
      {state === 'waiting' && (
        <p class="hint">
          Fix the cause first, such as a schema or a constraint. Then redrive the dead letter, or discard it
          if you do not need it.
        </p>
      )}
    </section>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function CopyButton({ text }: { readonly text: string }) {
  const [isCopied, setCopied] = useState(false);
  const onClick = () => {
    navigator.clipboard.writeText(text).then(
      () => setCopied(true),
      () => setCopied(false),
    );
  };
  return (
    <button type="button" class="icon-button small" aria-label="Copy the ID" onClick={onClick}>
      <Icon name={isCopied ? 'done' : 'copy'} size={16} />
    </button>
  );
}

function Content({ data: { record, why, hexDump } }: { readonly data: DeadLetterDetails }) {
  return (
    <section class="card" aria-label="Content">
      <div class="card-head">
        <h2>Content</h2>
        {why !== undefined && <span class="quiet">{why}</span>}
      </div>
      <pre class="content" tabIndex={0}>
        {record ?? (hexDump === '' ? 'no bytes' : hexDump)}
      </pre>
    </section>
  );
}

function Headers({ data: { headers } }: { readonly data: DeadLetterDetails }) {
  return (
    <section class="card" aria-label="Headers">
      <div class="card-head">
        <h2>Headers</h2>
      </div>
      <dl class="facts">
        {Object.entries(headers).map(([name, value]) => (
          <Fact key={name} name={name}>
            <span class="breaks">{value}</span>
          </Fact>
        ))}
      </dl>
    </section>
  );
}
