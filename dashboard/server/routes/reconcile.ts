import { ReconcileProgress } from '../../../operations/reconcile/reconcile-progress.ts';
import { createReport, reportJson } from '../../../operations/reconcile/report.ts';
import { knownStreams } from '../../../producers/chartmogul/known-streams.ts';
import type {
  ReconcileProgress as ProgressJson,
  ReconcileReport,
  ReconcileRequest,
  ReconcileState,
} from '../../api/reconcile.ts';
import { sendError } from '../api-error.ts';
import type { Routes } from '../context.ts';
import { Job } from '../job.ts';

const requestSchema = {
  type: 'object',
  required: ['comparesSource', 'isRepair'],
  additionalProperties: false,
  properties: {
    streams: { type: 'array', minItems: 1, maxItems: 500, items: { type: 'string', maxLength: 249 } },
    comparesSource: { type: 'boolean' },
    isRepair: { type: 'boolean' },
  },
};

export const addReconcile: Routes = (app, { settings, signal }) => {
  const job = new Job<ProgressJson, ReconcileReport>(signal);
  const stateOf = (): ReconcileState => ({
    job: job.state,
    streams: knownStreams(settings).map(({ name }) => name),
  });
  app.get('/api/reconcile', stateOf);
  app.post<{ Body: ReconcileRequest }>(
    '/api/reconcile',
    { schema: { body: requestSchema } },
    (request, reply) => {
      const { streams, comparesSource, isRepair } = request.body;
      const progress = new ReconcileProgress();
      // Dead letters count as differences, as without `--allow-dead-letters`.
      const options = { streams, comparesSource, isRepair, allowed: { deadLetters: false } };
      const work = async (stop: AbortSignal) =>
        JSON.parse(reportJson(await createReport(settings, options, stop, progress))) as ReconcileReport;
      if (!job.start(work, () => progressJson(request.body, progress)))
        return sendError(reply, 409, 'a comparison is running', 'wait until it has ended, or cancel it');
      return stateOf();
    },
  );
  app.post('/api/reconcile/cancel', () => {
    job.cancel();
    return stateOf();
  });
};

function progressJson(
  request: ReconcileRequest,
  { streams, compared, active, sources }: ReconcileProgress,
): ProgressJson {
  return {
    request,
    streams,
    compared,
    active: [...active],
    sources: Object.fromEntries([...sources].map(([stream, { records }]) => [stream, records])),
  };
}
