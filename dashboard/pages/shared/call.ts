import type { ApiError } from '../../api/error.ts';

/** A failed or unreadable response from the API. `status` is 0 if there was no response. */
export class CallError extends Error {
  readonly status: number;
  readonly remedy: string | undefined;

  constructor(message: string, status: number, remedy?: string) {
    super(message);
    this.name = 'CallError';
    this.status = status;
    this.remedy = remedy;
  }
}

const DEADLINE_MS = 30_000;

/**
 * Requests JSON from the API with the page token. The method is POST if there is a body, otherwise
 * GET.
 * @throws CallError; the signal's reason.
 */
export async function call<T>(
  path: string,
  {
    signal,
    body,
    deadlineMs = DEADLINE_MS,
  }: { signal?: AbortSignal; body?: unknown; deadlineMs?: number } = {},
): Promise<T> {
  const deadline = AbortSignal.timeout(deadlineMs);
  const either = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
  const answer = await fetch(path, { ...requestOf(body), signal: either }).catch((error: unknown) => {
    signal?.throwIfAborted();
    const message = deadline.aborted
      ? 'The dashboard did not respond in time'
      : 'The dashboard is not responding';
    throw new CallError(
      message,
      0,
      error instanceof Error ? 'check that `npm run show` is still running' : undefined,
    );
  });
  const content = (await answer.json().catch(() => undefined)) as T | ApiError | undefined;
  if (answer.ok && content !== undefined) return content as T;
  const { message, remedy } = errorOf(content);
  throw new CallError(message ?? `The dashboard returned ${answer.status}`, answer.status, remedy);
}

/** Returns the remedy of a {@link CallError}; undefined for any other error. */
export function remedyOf(error: Error): string | undefined {
  return error instanceof CallError ? error.remedy : undefined;
}

function requestOf(body: unknown): RequestInit {
  const token = document.querySelector('meta[name="page-token"]')?.getAttribute('content') ?? '';
  if (body === undefined) return { headers: { 'x-page-token': token } };
  return {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-page-token': token },
    body: JSON.stringify(body),
  };
}

function errorOf(content: unknown): Partial<ApiError['error']> {
  const isError = typeof content === 'object' && content !== null && 'error' in content;
  return isError ? (content as ApiError).error : {};
}
