import type { Agent, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { PassThrough, pipeline, type Readable } from 'node:stream';
import { decoders } from './answer-body.ts';
import { onRequest } from './bounded-agent.ts';

const MAX_BYTES = 32_768;
/** The time limit for reading the body. The start of an endless body is enough. */
const MAX_BODY_MS = 2_000;

/** A response whose status or header reports an error. */
export interface RefusedAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The start of the body. */
  readonly body: string;
}

/** Returns the start of an error's body, decompressed. Nothing more is read or kept. */
export async function startOfBody(headers: IncomingHttpHeaders, body: Readable): Promise<string> {
  const createDecoder = decoders.get(headers['content-encoding']?.trim().toLowerCase() ?? '');
  // The loop below sees the pipeline's errors.
  const decoded = pipeline(body, createDecoder?.() ?? new PassThrough(), () => undefined);
  const timer = setTimeout(() => body.destroy(), MAX_BODY_MS);
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of decoded as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= MAX_BYTES) break;
    }
  } catch {
    // The start of an incomplete body is enough.
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(chunks).subarray(0, MAX_BYTES).toString('utf8');
}

/**
 * Fails a request whose response is a refusal. Otherwise the client would read the entire body into
 * an error message.
 */
export function withRefusals<T extends Agent>(
  agent: T,
  isRefused: (answer: IncomingMessage) => boolean,
  errorOf: (answer: RefusedAnswer) => Error,
): T {
  onRequest(agent, (request) => {
    const emit = request.emit.bind(request);
    let isReading = false;
    const read = async (answer: IncomingMessage) => {
      isReading = true;
      const { statusCode: status = 0, headers } = answer;
      const body = await startOfBody(headers, answer);
      isReading = false;
      // An aborted request has no listener, and an `error` without one ends the process.
      if (request.listenerCount('error') > 0) emit('error', errorOf({ status, headers, body }));
      emit('close');
    };
    request.emit = (event: string, ...values: unknown[]) => {
      const [answer] = values as [IncomingMessage];
      if (event === 'response' && isRefused(answer)) {
        void read(answer);
        return true;
      }
      // `close` must follow the error.
      return event === 'close' && isReading ? true : emit(event, ...values);
    };
  });
  return agent;
}

/** @param prefix of the settings, such as `CLICKHOUSE`. */
export function credentialsRemedy(status: number, prefix: string): string | undefined {
  if (status === 407)
    return 'the proxy rejects the credentials: check user and password in HTTPS_PROXY or HTTP_PROXY';
  return status === 401 || status === 403 ? `check ${prefix}_USERNAME and ${prefix}_PASSWORD` : undefined;
}
