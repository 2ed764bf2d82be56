import { z } from 'zod';
import { isEqual, type StreamComparison } from '../../operations/reconcile/comparison.ts';
import { progressLines, ReconcileProgress } from '../../operations/reconcile/reconcile-progress.ts';
import { createReport, reportText } from '../../operations/reconcile/report.ts';
import { messageOf } from '../../core/errors.ts';
import { several } from '../../core/terminal/amounts.ts';
import { fitting, shortened } from '../limits.ts';
import { streamName } from './streams.ts';
import type { AddTools } from './tools.ts';

const MAX_SECONDS = 600;
const REPORT_MS = 2_000;
const WIDTH = 100;

const comparison = z.object({
  stream: z.string(),
  equal: z.boolean(),
  keys: z.number().describe('live keys on the topic'),
  missing: z.number(),
  stray: z.number(),
  older: z.number(),
  other: z.number(),
  twice: z.number(),
  behind: z.number().describe('messages that the sink has not inserted'),
  deadLetters: z.number(),
  problems: z.array(z.string()),
});

export const addReconcileTools: AddTools = (tools) => {
  const { settings } = tools.context;
  tools.add(
    'reconcile_report',
    {
      title: 'Compare topics with tables',
      description:
        'Compares the keys and versions of topics with tables and views, and returns the differences. Repairs nothing. Reads entire topics, so for a large account, name the streams to compare. The comparison creates a temporary table and drops it.',
      input: {
        streams: z.array(streamName).min(1).max(50).optional().describe('all streams if absent'),
      },
      hasValues: true,
      output: { equal: z.boolean(), streams: z.array(comparison), isCut: z.boolean() },
      maxSeconds: MAX_SECONDS,
    },
    async ({ streams }, call) => {
      const { signal } = call;
      const progress = new ReconcileProgress();
      const options = {
        ...{ streams, isRepair: false, comparesSource: false },
        allowed: { deadLetters: false },
      };
      const timer = setInterval(() => call.report(progressText(progress)), REPORT_MS);
      try {
        const found = await createReport(settings, options, signal, progress);
        const { items, isCut } = fitting(found.comparisons.map(lineOf));
        const text = found.isEqual
          ? 'Topics, tables and views are equal.'
          : 'Some streams differ, have pending dead letters, or could not be compared. `npm run reconcile -- --repair` repairs tables and views; dead letters stay until the user redrives or discards them.';
        return {
          text,
          values: [reportText(found)],
          data: { equal: found.isEqual, streams: [...items], isCut },
        };
      } finally {
        clearInterval(timer);
      }
    },
  );
};

function progressText(progress: ReconcileProgress): string {
  const share = `${progress.compared} of ${several(progress.streams, 'stream')} compared`;
  return [share, ...progressLines(progress, WIDTH)].join('; ');
}

function lineOf(found: StreamComparison): z.output<typeof comparison> {
  const { stream, keys, counts, behind, deadLetters, views, faults, notes, failure } = found;
  const problems = [
    ...(failure === undefined ? [] : [messageOf(failure)]),
    ...faults,
    ...views.flatMap(({ view, problem }) => (problem === undefined ? [] : [`view ${view} ${problem}`])),
    ...notes,
  ];
  return {
    ...{ stream, equal: isEqual(found, { deadLetters: false }), keys, ...counts, behind, deadLetters },
    problems: problems.slice(0, 20).map((problem) => shortened(problem, 1_000)),
  };
}
