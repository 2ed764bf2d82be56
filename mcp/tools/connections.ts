import { z } from 'zod';
import { messageOf } from '../../core/errors.ts';
import { checkServices } from '../../operations/status/check-services.ts';
import type { AddTools } from './tools.ts';

export const addConnectionTools: AddTools = (tools) => {
  const { settings } = tools.context;
  tools.add(
    'check_connections',
    {
      title: 'Check connections',
      description:
        'Tries the ChartMogul key and the logins of Kafka, the schema registry and ClickHouse. Reports whether each works and what to do if not. Never reveals a credential.',
      input: {},
      hasValues: true,
      output: {
        ok: z.boolean(),
        connections: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })),
      },
    },
    async (_, { signal }) => {
      const checks = await checkServices(settings, signal);
      const connections = checks.map((check) => ({
        name: check.name,
        ok: !('error' in check),
        detail: 'error' in check ? messageOf(check.error) : check.description,
      }));
      const failed = connections.filter(({ ok }) => !ok).length;
      const summary =
        failed === 0 ? 'All connections work.' : `Failed connections: ${failed} of ${connections.length}.`;
      const linesOf = (isOk: boolean) =>
        connections
          .filter(({ ok }) => ok === isOk)
          .map(({ name, detail }) => `${name} ${isOk ? 'works' : 'FAILS'}: ${detail}`);
      return {
        text: summary,
        // They may contain the name of the account or quote a service's response.
        values: [...linesOf(false), ...linesOf(true)],
        data: { ok: failed === 0, connections },
      };
    },
  );
};
