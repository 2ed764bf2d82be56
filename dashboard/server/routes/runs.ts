import { withConnections } from '../../../core/connections.ts';
import { ConfigError } from '../../../core/errors.ts';
import { getRun, listRuns } from '../../../operations/runs/runs.ts';
import type { RunAnswer, RunList } from '../../api/runs.ts';
import { endOf } from '../request-end.ts';
import { plain } from '../plain.ts';
import type { Routes } from '../context.ts';

const services = { name: 'show', needs: ['registry', 'admin'] } as const;

export const addRuns: Routes = (app, { settings, signal, lanes }) => {
  app.get<{ Querystring: { limit?: unknown; cursor?: unknown } }>(
    '/api/runs',
    async ({ query: { limit, cursor } }, reply): Promise<RunList> => {
      const page = {
        ...(typeof limit === 'string' && { limit: Number(limit) }),
        ...(typeof cursor === 'string' && { cursor }),
      };
      const end = endOf(reply, signal);
      return lanes.scans.run(end, () =>
        withConnections(settings, services, end, async (connections) =>
          plain(await listRuns(connections, page)),
        ),
      );
    },
  );
  app.get<{ Params: { run: string } }>(
    '/api/runs/:run',
    async ({ params: { run } }, reply): Promise<RunAnswer> => {
      const end = endOf(reply, signal);
      const found = await lanes.scans.run(end, () =>
        withConnections(settings, services, end, (connections) => getRun(connections, run)),
      );
      if (found === undefined)
        throw new ConfigError(`the topic of runs has no run ${run.slice(0, 80)}; open the list of runs`);
      return plain(found);
    },
  );
};
