import type { Agent, ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { PassThrough, pipeline, type Readable, type Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';

/** What is read of a body that says why a request was refused. */
const MAX_BYTES = 32_768;
/** How long the body may take: one that never ends says what it has said. */
const MAX_BODY_MS = 2_000;

/** An answer that is an error by its status or by a header. */
export interface RefusedAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** How its body begins. */
  readonly body: string;
}

const decompressors: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

/** How the body of a refused answer begins, decompressed; no more than that is read or held. */
export async function startOfBody(headers: IncomingHttpHeaders, body: Readable): Promise<string> {
  const decompressor = decompressors[headers['content-encoding']?.trim().toLowerCase() ?? ''];
  // Its errors end what is read here.
  const decoded = pipeline(body, decompressor?.() ?? new PassThrough(), () => undefined);
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
    // A body that breaks off says what it has said.
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(chunks).subarray(0, MAX_BYTES).toString('utf8');
}

/** How node's client hands a request to its agent. */
interface RequestingAgent {
  addRequest(request: ClientRequest, ...more: unknown[]): void;
}

/**
 * Lets each request through the agent fail with an error of ours where its answer is refused. A client that is built on node's http
 * would read the whole body of such an answer into the message of an error.
 */
export function withRefusals<T extends Agent>(
  agent: T,
  isRefused: (answer: IncomingMessage) => boolean,
  errorOf: (answer: RefusedAnswer) => Error,
): T {
  const requesting = agent as unknown as RequestingAgent;
  const addRequest = requesting.addRequest.bind(agent);
  requesting.addRequest = (request, ...more) => {
    // Before anybody listens to it.
    takeRefusals(request, isRefused, errorOf);
    addRequest(request, ...more);
  };
  return agent;
}

function takeRefusals(
  request: ClientRequest,
  isRefused: (answer: IncomingMessage) => boolean,
  errorOf: (answer: RefusedAnswer) => Error,
): void {
  const emit = request.emit.bind(request);
  let isReading = false;
  const read = async (answer: IncomingMessage) => {
    isReading = true;
    const { statusCode = 0, headers } = answer;
    const body = await startOfBody(headers, answer);
    isReading = false;
    // Nobody listens to one that was aborted meanwhile.
    if (request.listenerCount('error') > 0) emit('error', errorOf({ status: statusCode, headers, body }));
    emit('close');
  };
  request.emit = (event: string, ...values: unknown[]) => {
    const [answer] = values as [IncomingMessage];
    if (event === 'response' && isRefused(answer)) {
      void read(answer);
      return true;
    }
    // It means that all is over: the error comes first.
    return event === 'close' && isReading ? true : emit(event, ...values);
  };
}

/** What to look at where the credentials of a service or of a proxy are refused. @param prefix of the settings, such as `CLICKHOUSE`. */
export function credentialsCure(status: number, prefix: string): string | undefined {
  if (status === 407) return 'the proxy refuses us: check user and password in HTTPS_PROXY or HTTP_PROXY';
  return status === 401 || status === 403 ? `check ${prefix}_USERNAME and ${prefix}_PASSWORD` : undefined;
}
