import { ConfigError } from '../../../core/errors.ts';
import { adviceOf } from '../../../core/remedy.ts';
import { RunHistory } from '../../../operations/runs/run-history.ts';
import type { RunDetail } from '../../../operations/runs/runs.ts';
import type { StreamProblem } from '../../../operations/status/problem.ts';
import type { RunAnswer, RunList } from '../../api/runs.ts';
import type { Routes } from '../context.ts';
import { problemLines } from '../live/problem-lines.ts';
import { plain } from '../plain.ts';
import { endOf } from '../request-end.ts';

export const addRuns: Routes = (app, { settings, signal, lanes }) => {
  const history = new RunHistory(settings, signal);
  app.get<{ Querystring: { limit?: unknown; cursor?: unknown } }>(
    '/api/runs',
    async ({ query: { limit, cursor } }, reply): Promise<RunList> => {
      const page = {
        ...(typeof limit === 'string' && { limit: Number(limit) }),
        ...(typeof cursor === 'string' && { cursor }),
      };
      const end = endOf(reply, signal);
      return plain(await lanes.scans.run(end, () => history.list(page, end)));
    },
  );
  app.get<{ Params: { run: string } }>(
    '/api/runs/:run',
    async ({ params: { run } }, reply): Promise<RunAnswer> => {
      const end = endOf(reply, signal);
      const found = await lanes.scans.run(end, () => history.get(run, end));
      if (found === undefined)
        throw new ConfigError(`the runs topic has no run ${run.slice(0, 80)}; open the list of runs`);
      return { ...plain(found), problems: problemLines(failuresOf(found)) };
    },
  );
};

function failuresOf({ run, streamRuns }: RunDetail): StreamProblem[] {
  return streamRuns.flatMap(({ stream, outcome, failure }) =>
    failure === null || outcome === 'absent'
      ? []
      : [{ kind: 'failed', severity: 'problem', stream, run, ...adviceOf(failure) }],
  );
}
