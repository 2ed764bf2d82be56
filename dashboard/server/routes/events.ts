import { sendError } from '../api-error.ts';
import type { Routes } from '../context.ts';

/** `GET /api/events`: the stream of server-sent events that all pages use. */
export const addEvents: Routes = (app, { events }) => {
  app.get('/api/events', (_request, reply) => {
    // The stream writes to the raw response, which lacks the headers of Fastify's reply.
    for (const [name, value] of Object.entries(reply.getHeaders()))
      if (value !== undefined) reply.raw.setHeader(name, value);
    if (!events.add(reply.raw)) return sendError(reply, 503, 'too many open pages', 'close some of them');
    reply.hijack();
    return reply;
  });
};
