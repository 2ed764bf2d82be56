import { z } from 'zod';
import { withConnections } from '../../core/connections.ts';
import { ConfigError } from '../../core/errors.ts';
import { several } from '../../core/terminal/amounts.ts';
import type { RunCounts } from '../../operations/runs/run-record.ts';
import type { RunSummary } from '../../operations/runs/run-summary.ts';
import { getRun, listRuns } from '../../operations/runs/runs.ts';
import { fitting, isoTime } from '../limits.ts';
import type { AddTools } from './tools.ts';

const services = { name: 'mcp', needs: ['registry', 'admin'] } as const;

const counts = z
  .record(z.string(), z.number())
  .describe('records, new, changed, deleted, requests, retries, …');
const runFields = {
  run: z.string(),
  outcome: z.string().describe('done, failed, stopped or absent: the worst outcome of its streams'),
  startedAt: z.string().nullable(),
  finishedAt: z.string().nullable(),
  seconds: z.number(),
  streams: z.number(),
  failed: z.array(z.string()).describe('streams that failed'),
  counts,
};

export const addRunTools: AddTools = (tools) => {
  const { settings } = tools.context;
  tools.add(
    'list_runs',
    {
      title: 'List runs',
      description: 'Lists runs of the producer, newest first: outcome, times, failed streams and counts.',
      input: {
        limit: z.number().int().min(1).max(200).default(20),
        cursor: z.string().max(300).optional().describe('`next` of an earlier answer, for older runs'),
      },
      output: { runs: z.array(z.object(runFields)), isCut: z.boolean(), next: z.string().nullable() },
    },
    async ({ limit, cursor }, { signal }) => {
      const page = await withConnections(settings, services, signal, (connections) =>
        listRuns(connections, { limit, ...(cursor !== undefined && { cursor }) }),
      );
      const { items, isCut } = fitting(page.runs.map(lineOf));
      const next = page.next ?? null;
      const more = next === null ? '' : ' Older runs exist: pass `next` as cursor.';
      return {
        text: [`${several(items.length, 'run')}.${more}`, ...items.map(textOf)].join('\n'),
        data: { runs: [...items], isCut: isCut || next !== null, next },
      };
    },
  );
  tools.add(
    'get_run',
    {
      title: 'Get one run',
      description:
        'Returns what one run of the producer did with every stream, with failures and their remedies.',
      input: { run: z.string().min(1).max(200).describe('the id of a run, as list_runs returns it') },
      hasValues: true,
      output: {
        ...runFields,
        isCut: z.boolean(),
        streamRuns: z.array(
          z.object({
            stream: z.string(),
            outcome: z.string(),
            seconds: z.number(),
            failure: z.string().nullable(),
            failureCode: z.string().nullable(),
            absence: z.string().nullable(),
            newFields: z.array(z.string()),
            counts,
          }),
        ),
      },
    },
    async ({ run }, { signal }) => {
      const found = await withConnections(settings, services, signal, (connections) =>
        getRun(connections, run),
      );
      if (found === undefined)
        throw new ConfigError(`the topic of runs has no run ${run.slice(0, 80)}; list_runs returns the ids`);
      const all = found.streamRuns.map((one) => ({
        stream: one.stream,
        outcome: one.outcome,
        seconds: one.seconds,
        failure: one.failure,
        failureCode: one.failureCode,
        absence: one.absence,
        newFields: one.newFields.slice(0, 50),
        counts: nonZero(one.counts),
      }));
      const { items, isCut } = fitting(all);
      const lines = items.map(({ stream, outcome, seconds, failure, counts: own }) => {
        const why = failure === null ? '' : `: ${failure}`;
        return `${stream}: ${outcome}, ${seconds.toFixed(1)} s, ${several(own['records'] ?? 0, 'record')}${why}`;
      });
      const line = lineOf(found);
      // Failure reasons may quote a service's response.
      return { text: textOf(line), values: lines, data: { ...line, isCut, streamRuns: [...items] } };
    },
  );
};

type Line = z.output<z.ZodObject<typeof runFields>>;

function lineOf(run: RunSummary): Line {
  return {
    run: run.run,
    outcome: run.outcome,
    startedAt: isoTime(run.startedAtMs),
    finishedAt: isoTime(run.finishedAtMs),
    seconds: run.seconds,
    streams: run.streams,
    failed: [...run.failed],
    counts: nonZero(run.counts),
  };
}

function textOf({ run, outcome, finishedAt, seconds, streams, failed, counts: own }: Line): string {
  const failures = failed.length === 0 ? '' : `; failed: ${failed.join(', ')}`;
  return `${run}: ${outcome}, ${finishedAt === null ? 'not ended' : `ended ${finishedAt}`}, ${seconds.toFixed(1)} s, ${several(streams, 'stream')}, ${several(own['records'] ?? 0, 'record')}, ${several(own['messages'] ?? 0, 'message')}${failures}`;
}

function nonZero(all: RunCounts): Record<string, number> {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== 0));
}
