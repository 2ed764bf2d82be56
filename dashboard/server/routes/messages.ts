import { withConnections } from '../../../core/connections.ts';
import { ConfigError } from '../../../core/errors.ts';
import { browseMessages, type MessageStart } from '../../../operations/messages/browse-messages.ts';
import type { MessageAnswer } from '../../api/messages.ts';
import { endOf } from '../request-end.ts';
import { plain } from '../plain.ts';
import type { Routes } from '../context.ts';

type Query = Readonly<
  Partial<Record<'by' | 'key' | 'time' | 'offset' | 'partition' | 'cursor' | 'limit', unknown>>
>;

export const addMessages: Routes = (app, { settings, signal, lanes }) => {
  app.get<{ Params: { stream: string }; Querystring: Query }>(
    '/api/streams/:stream/messages',
    async ({ params: { stream }, query }, reply): Promise<MessageAnswer> => {
      const asked = {
        stream,
        start: startOf(query),
        partition: wholeIn(query, 'partition'),
        limit: wholeIn(query, 'limit'),
        cursor: typeof query.cursor === 'string' ? query.cursor : undefined,
      };
      const needs = ['registry', 'admin'] as const;
      const end = endOf(reply, signal);
      return lanes.scans.run(end, () =>
        withConnections(settings, { name: 'show', needs }, end, async (services) =>
          plain(await browseMessages(services, asked)),
        ),
      );
    },
  );
};

function startOf(query: Query): MessageStart {
  const { by = 'newest', key, time, offset } = query;
  switch (by) {
    case 'newest':
      return { by };
    case 'key':
      if (typeof key !== 'string' || key === '') throw new ConfigError('a search by key requires a key');
      return { by, key };
    case 'time':
      return { by, timeMs: typeof time === 'string' ? Date.parse(time) : NaN };
    case 'offset':
      if (typeof offset !== 'string' || !/^\d{1,18}$/.test(offset))
        throw new ConfigError('the offset must be a whole number of at least 0');
      return { by, offset: BigInt(offset) };
    default:
      throw new ConfigError('by must be newest, key, time or offset');
  }
}

function wholeIn(query: Query, name: 'partition' | 'limit'): number | undefined {
  const text = query[name];
  if (text === undefined || text === '') return undefined;
  if (typeof text !== 'string' || !/^\d{1,9}$/.test(text))
    throw new ConfigError(`the ${name} must be a whole number of at least 0`);
  return Number(text);
}
