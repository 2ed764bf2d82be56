import { ConfigError } from '../../../core/errors.ts';
import { readMrrReport } from '../../../operations/mrr/read-mrr-report.ts';
import type { MrrAnswer } from '../../api/mrr.ts';
import { endOf } from '../request-end.ts';
import type { Routes } from '../context.ts';

const counts: Readonly<Record<string, 12 | 24 | undefined>> = { 12: 12, 24: 24, all: undefined };

export const addMrr: Routes = (app, { settings, signal, lanes }) => {
  app.get<{ Querystring: { months?: unknown } }>('/api/mrr', async (request, reply): Promise<MrrAnswer> => {
    const { months = '12' } = request.query;
    if (typeof months !== 'string' || !Object.hasOwn(counts, months))
      throw new ConfigError('months must be 12, 24 or all');
    const end = endOf(reply, signal);
    return lanes.queries.run(end, () => readMrrReport(settings.clickhouse, counts[months], end));
  });
};
