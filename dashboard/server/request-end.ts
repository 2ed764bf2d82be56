import type { FastifyReply } from 'fastify';
import { StoppedError } from '../../core/errors.ts';

/** Returns a signal that aborts when the client disconnects or the server stops. */
export function endOf(reply: FastifyReply, serverSignal: AbortSignal): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort(new StoppedError('the page cancelled the request'));
  });
  return AbortSignal.any([controller.signal, serverSignal]);
}
