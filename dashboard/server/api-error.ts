import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify';
import {
  ConfigError,
  EtlError,
  messageOf,
  RetriableError,
  ServiceRefusedError,
  StoppedError,
} from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import { adviceOf } from '../../core/remedy.ts';
import type { ApiError } from '../api/error.ts';

/** Responds with an error: what happened, in one sentence, and what to do about it. */
export function sendError(
  reply: FastifyReply,
  status: number,
  message: string,
  remedy?: string,
): FastifyReply {
  const body: ApiError = { error: { message, ...(remedy !== undefined && { remedy }) } };
  return reply.code(status).header('cache-control', 'no-store').send(body);
}

/** Turns every thrown error into a response without secrets or a stack trace. */
export function answerErrors(app: FastifyInstance): void {
  app.setErrorHandler<FastifyError>((error, _request, reply) => {
    // Fastify's own errors report a faulty request, such as one whose body is not JSON.
    if (!(error instanceof EtlError) && error.statusCode !== undefined && error.statusCode < 500)
      return sendError(reply, error.statusCode, messageOf(error));
    if (!(error instanceof EtlError)) logger.error({ reason: messageOf(error) }, 'dashboard failed');
    const { message, remedy } = adviceOf(messageOf(error));
    return sendError(reply, statusOf(error), message, remedy);
  });
  app.setNotFoundHandler((request, reply) =>
    sendError(reply, 404, `the dashboard has no ${request.url.split('?')[0] ?? ''}`, 'open /'),
  );
}

function statusOf(error: unknown): number {
  if (error instanceof ConfigError || error instanceof ServiceRefusedError) return 400;
  if (error instanceof RetriableError || error instanceof StoppedError) return 503;
  return error instanceof EtlError ? 422 : 500;
}
