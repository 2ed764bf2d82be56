import { z } from 'zod';
import { ago, several } from '../../core/terminal/amounts.ts';
import { attentionOf } from '../../operations/status/attention.ts';
import { gatherStatus } from '../../operations/status/gather-status.ts';
import { problemText, type Problem } from '../../operations/status/problem.ts';
import { messagesOf, type StreamStatus } from '../../operations/status/stream-status.ts';
import { getStream } from '../../operations/streams/get-stream.ts';
import { fitting, isoTime } from '../limits.ts';
import type { AddTools } from './tools.ts';

const count = z.number().nullable().describe('null: none, or unknown because a service does not respond');

const streamFields = {
  stream: z.string(),
  messages: count.describe('offsets on the topic, including transaction markers and compaction gaps'),
  lag: count.describe('offsets that the sink has not passed, including transaction markers'),
  rows: count.describe('rows of the storage table, older versions and deletes included'),
  deadLetters: count,
  lastRun: z
    .object({
      run: z.string(),
      outcome: z.string(),
      finishedAt: z.string().nullable(),
      failure: z.string().nullable(),
    })
    .nullable(),
};
const attention = z.array(z.string()).describe('what needs attention, the most urgent first');

export const streamName = z.string().min(1).max(100).describe('the name of a stream, such as customers');

export const addStreamTools: AddTools = (tools) => {
  const { settings } = tools.context;
  tools.add(
    'list_streams',
    {
      title: 'List streams',
      description:
        'Lists every stream with its messages, lag, rows, dead letters and last run, and everything that needs attention, with the remedy. Start here.',
      input: {},
      hasValues: true,
      output: {
        at: z.string().nullable(),
        streams: z.array(z.object(streamFields)),
        isCut: z.boolean(),
        attention,
      },
    },
    async (_, { signal }) => {
      const status = await gatherStatus(settings, undefined, signal);
      const problems = attentionOf(status).map(attentionText);
      const { items, isCut } = fitting(status.streams.map(lineOf));
      const lines = items.map((line) => textOf(line, status.atMs));
      const head = `${several(status.streams.length, 'stream')}${isCut ? `, of which ${items.length} are shown` : ''}; ${several(problems.length, 'thing')} to look at.`;
      return {
        text: [head, ...lines].join('\n'),
        // Failure reasons may quote a service's response.
        values: problems,
        data: { at: isoTime(status.atMs), streams: [...items], isCut, attention: problems },
      };
    },
  );
  tools.add(
    'get_stream',
    {
      title: 'Get one stream',
      description:
        'Returns one stream: its topic, partitions with offsets and lag, table, view, registry subject, checkpoint, last run, and what is wrong with it.',
      input: { stream: streamName },
      hasValues: true,
      output: {
        ...streamFields,
        topic: z.string().nullable(),
        subject: z.string(),
        table: z.string().nullable(),
        view: z.string(),
        partitions: z.array(
          z.object({
            partition: z.number(),
            start: z.number(),
            end: z.number(),
            committed: count,
            lag: count,
          }),
        ),
        isCut: z.boolean(),
        checkpoint: z
          .object({
            run: z.string(),
            startedAt: z.string().nullable(),
            isComplete: z.boolean(),
            pages: z.number(),
            records: z.number(),
          })
          .nullable(),
        attention,
      },
    },
    async ({ stream: name }, { signal }) => {
      const found = await getStream(settings, name, signal);
      const { stream, atMs } = found;
      const { checkpoint } = stream;
      const partitions = (stream.topic?.partitions ?? []).map(
        ({ partition, start, end, committed, lag }) => ({
          ...{ partition, start: Number(start), end: Number(end) },
          ...{ committed: numberOf(committed), lag: numberOf(lag) },
        }),
      );
      const { items, isCut } = fitting(partitions, 200);
      const problems = found.attention.map(attentionText);
      const data = {
        ...lineOf(stream),
        topic: stream.topic?.name ?? null,
        subject: found.subject,
        table: stream.table?.name ?? null,
        view: found.view,
        partitions: [...items],
        isCut,
        checkpoint: checkpoint
          ? {
              run: checkpoint.run,
              startedAt: isoTime(checkpoint.startedAtMs),
              isComplete: checkpoint.isComplete,
              pages: checkpoint.pages,
              records: checkpoint.records,
            }
          : null,
        attention: problems,
      };
      const places = [`topic ${data.topic ?? 'none'}`, `table ${data.table ?? 'none'}`, `view ${found.view}`];
      const lagging = items.filter(({ lag }) => lag !== null && lag > 0);
      return {
        text: [
          textOf(data, atMs),
          places.join(', '),
          ...lagging.map(
            ({ partition, lag, end }) => `partition ${partition}: lag ${lag ?? 0}, end offset ${end}`,
          ),
        ].join('\n'),
        values: problems,
        data,
      };
    },
  );
};

type Line = z.output<z.ZodObject<typeof streamFields>>;

function lineOf({ stream, topic, table, lag, deadLetters, lastRun }: StreamStatus): Line {
  return {
    stream,
    messages: topic ? Number(messagesOf(topic)) : null,
    lag: numberOf(lag),
    rows: numberOf(table?.rows),
    deadLetters: deadLetters ?? null,
    lastRun: lastRun
      ? {
          run: lastRun.run,
          outcome: lastRun.outcome,
          finishedAt: isoTime(lastRun.finishedAtMs),
          failure: lastRun.failure ?? lastRun.absence ?? null,
        }
      : null,
  };
}

function textOf({ stream, messages, lag, rows, deadLetters, lastRun }: Line, nowMs: number): string {
  const amount = (value: number | null, thing: string) =>
    value === null ? `– ${thing}s` : several(value, thing);
  const finished = lastRun?.finishedAt ? `, ${ago(Date.parse(lastRun.finishedAt), nowMs)}` : '';
  const run = lastRun === null ? 'no run' : `last run ${lastRun.outcome}${finished}`;
  const dead = deadLetters === null || deadLetters === 0 ? '' : `, ${several(deadLetters, 'dead letter')}`;
  return `${stream}: ${amount(messages, 'message')}, lag ${lag ?? '–'}, ${amount(rows, 'row')}, ${run}${dead}`;
}

function numberOf(value: bigint | number | null | undefined): number | null {
  return value === null || value === undefined ? null : Number(value);
}

function attentionText(problem: Problem): string {
  const about = 'about' in problem ? problem.about : 'stream' in problem ? problem.stream : undefined;
  return about === undefined ? problemText(problem) : `${about}: ${problemText(problem)}`;
}
