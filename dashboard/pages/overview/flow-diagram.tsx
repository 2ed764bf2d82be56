import type { ComponentChildren } from 'preact';
import type { Overview, StreamLine } from '../../api/overview.ts';
import { Badge } from '../shared/badge.tsx';
import { numberText, rateText, several, shortNumber } from '../shared/format.ts';
import type { LiveOverview } from '../shared/live-overview.ts';
import { Ago } from '../shared/time.tsx';
import { hrefOf } from '../shell/route.ts';
import { lagOf } from './stream-lag.ts';

interface FlowProps {
  readonly live: LiveOverview & { readonly overview: Overview };
}

/** Shows ChartMogul → Kafka → ClickHouse, with the rates between them. */
export function FlowDiagram({ live: { overview, rates } }: FlowProps) {
  const { streams, attention } = overview;
  // If a service is down, an empty list of streams may be incomplete.
  const isUnknown = streams.length === 0 && attention.some(({ severity }) => severity === 'failure');
  const total = (of: (stream: StreamLine) => number | null | undefined) =>
    isUnknown ? undefined : sumOf(streams, of);
  const moving = Object.values(rates?.streams ?? {});
  const produced = moving.reduce((sum, rate) => sum + rate.produced, 0);
  const sunk = moving.reduce((sum, rate) => sum + rate.sunk, 0);
  const lag = total((stream) => lagOf(stream, rates));
  const topics = streams.filter(({ messages }) => typeof messages === 'number').length;
  const tables = streams.filter(({ rows }) => typeof rows === 'number').length;
  return (
    <section class="card flow" aria-label="Data flow">
      <SourceNode overview={overview} />
      <Edge isMoving={produced > 0}>
        <Figure value={rateText(produced)} unit="records/s" />
      </Edge>
      <Node
        title="Kafka"
        value={total(({ messages }) => messages)}
        unit="messages"
        note={several(topics, 'topic')}
      />
      <Edge isMoving={sunk > 0}>
        <Figure value={rateText(sunk)} unit="rows/s" />
        <Figure value={lag === undefined ? '?' : shortNumber(lag)} unit="lag" isLoud={(lag ?? 0) > 0} />
      </Edge>
      <Node
        title="ClickHouse"
        value={total(({ rows }) => rows)}
        unit="rows"
        note={several(tables, 'table')}
      />
    </section>
  );
}

/**
 * The API's figures come from the record of the last run, because only `produce` has live figures.
 */
function SourceNode({ overview: { lastRun, streams } }: { readonly overview: Overview }) {
  const reading = streams.filter(({ isUnfinished }) => isUnfinished).length;
  return (
    <div class="flow-node">
      <h2>ChartMogul API</h2>
      <p class="flow-value">
        {lastRun === undefined ? '?' : lastRun === null ? '–' : rateText(lastRun.requestsPerSecond)}
        <span class="flow-unit"> requests/s</span>
      </p>
      {lastRun ? (
        <p class="quiet">
          <a href={hrefOf('runs', lastRun.run)}>Last run</a> <Ago ms={lastRun.finishedAtMs} />,{' '}
          {shortNumber(lastRun.requests)} requests,{' '}
          <span class={lastRun.rateLimited > 0 ? 'loud' : undefined}>
            {shortNumber(lastRun.rateLimited)} × 429
          </span>
        </p>
      ) : (
        <p class="quiet">{lastRun === null ? 'no run yet' : 'the last run is unknown'}</p>
      )}
      {reading > 0 && <Badge tone="warn">{several(reading, 'stream')} not read to the end</Badge>}
    </div>
  );
}

interface NodeProps {
  readonly title: string;
  readonly value: number | undefined;
  readonly unit: string;
  readonly note: string;
}

function Node({ title, value, unit, note }: NodeProps) {
  return (
    <div class="flow-node">
      <h2>{title}</h2>
      <p class="flow-value" title={value === undefined ? undefined : numberText(value)}>
        {value === undefined ? '?' : shortNumber(value)}
        <span class="flow-unit"> {unit}</span>
      </p>
      {value === undefined ? <Badge tone="bad">not responding</Badge> : <p class="quiet">{note}</p>}
    </div>
  );
}

function Edge({ isMoving, children }: { readonly isMoving: boolean; readonly children: ComponentChildren }) {
  return (
    <div class="flow-edge">
      <div class="flow-figures">{children}</div>
      <svg class={isMoving ? 'flow-line moving' : 'flow-line'} aria-hidden="true" focusable="false">
        <line x1="0" y1="6" x2="100%" y2="6" />
        <svg x="100%" overflow="visible">
          <path d="M-8 1 L-1 6 L-8 11" />
        </svg>
      </svg>
    </div>
  );
}

interface FigureProps {
  readonly value: string;
  readonly unit: string;
  readonly isLoud?: boolean;
}

function Figure({ value, unit, isLoud = false }: FigureProps) {
  return (
    <span class={isLoud ? 'flow-figure loud' : 'flow-figure'}>
      <strong>{value}</strong> {unit}
    </span>
  );
}

/** Returns the sum of the known values; undefined if there are streams and no value is known. */
function sumOf(
  streams: readonly StreamLine[],
  of: (stream: StreamLine) => number | null | undefined,
): number | undefined {
  const values = streams.map(of);
  if (values.length > 0 && values.every((value) => value === undefined)) return undefined;
  return values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
}
