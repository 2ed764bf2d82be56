import { toJson, type Rendered } from './data/rendered.ts';

/** An HTTP response. An iterable body is streamed: each part is sent as it is produced. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string | Buffer | Iterable<string>;
  readonly headers?: Readonly<Record<string, string>>;
}

const json = 'application/json';

export function ok(record: Rendered): Answer {
  return { status: 200, type: json, body: toJson(record) };
}

/** Returns an error in the gateway's shape. */
export function refusal(status: number, message: string, param: string | null = null): Answer {
  return { status, type: json, body: JSON.stringify({ code: status, message, param }) };
}

/** Returns a 404 in the shape of the older back end. */
export function notFound(what: string): Answer {
  return { status: 404, type: json, body: JSON.stringify({ error: `${what} not found` }) };
}

export function plainText(status: number, text: string): Answer {
  return { status, type: 'text/plain', body: text };
}

/** Thrown when a request turns out to be invalid while it is being answered. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly answer: Answer;

  constructor(answer: Answer) {
    super(`answered with ${answer.status}`);
    this.answer = answer;
  }
}

export function badParameter(name: string, fault: 'missing' | 'invalid'): RefusedError {
  return new RefusedError(refusal(400, `Parameter "${name}" is ${fault}`, name));
}

/** @throws RefusedError if the body is not an object. */
export function objectIn(body: unknown): Rendered {
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Rendered;
  throw new RefusedError(refusal(400, 'The body is not a JSON object'));
}
