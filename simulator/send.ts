import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { plainText, type Answer } from './answer.ts';
import type { Fault } from './faults.ts';

export async function send(response: ServerResponse, answer: Answer, signal: AbortSignal): Promise<void> {
  const headers = {
    'Content-Type': answer.type,
    'Access-Control-Allow-Credentials': 'true',
    ...answer.headers,
  };
  if (typeof answer.body !== 'string' && !Buffer.isBuffer(answer.body)) {
    response.writeHead(answer.status, headers);
    await pipeline(Readable.from(answer.body, { highWaterMark: 16 }), response, { signal });
    return;
  }
  response.writeHead(answer.status, { ...headers, 'Content-Length': Buffer.byteLength(answer.body) });
  response.end(answer.body);
}

/** Sends a response as the fault alters it. `tooMany` is the response for the fault `429`. */
export async function sendFault(
  response: ServerResponse,
  fault: Fault,
  answer: Answer,
  tooMany: Answer,
  signal: AbortSignal,
): Promise<void> {
  const text = typeof answer.body === 'string' || Buffer.isBuffer(answer.body) ? String(answer.body) : '';
  const length = Buffer.byteLength(text);
  const half = text.slice(0, Math.floor(text.length / 2));
  switch (fault) {
    case '500':
      return send(response, plainText(500, '500 Internal Server Error'), signal);
    case '502':
      return send(response, plainText(502, '502 Bad Gateway'), signal);
    case '504':
      return send(response, plainText(504, '504 Gateway Timeout Error'), signal);
    case '429':
      return send(response, tooMany, signal);
    case 'half JSON':
      return send(response, { ...answer, body: half }, signal);
    case 'torn body':
      response.writeHead(answer.status, { 'Content-Type': answer.type, 'Content-Length': length });
      response.write(half, () => response.destroy());
      return;
    case 'reset':
      response.destroy();
      return;
    case 'hang':
      // The connection stays open until the client closes it or the simulator stops.
      return;
  }
}
