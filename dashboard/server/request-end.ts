import type { FastifyReply } from 'fastify';
import { StoppedError } from '../../core/errors.ts';

/** Returns a signal that aborts when the client disconnects or the server stops. */
export function endOf(reply: FastifyReply, serverSignal: AbortSignal): AbortSignal {
  const controller = new AbortController();
  const onStop = () => controller.abort(serverSignal.reason);
  const onClose = () => {
    serverSignal.removeEventListener('abort', onStop);
    if (!reply.raw.writableFinished) controller.abort(new StoppedError('the page cancelled the request'));
  };
  // `AbortSignal.any` would leak memory on the server's signal with every request.
  serverSignal.addEventListener('abort', onStop, { once: true });
  reply.raw.once('close', onClose);
  if (serverSignal.aborted) onStop();
  if (reply.raw.destroyed) onClose();
  return controller.signal;
}
