import type { IncomingMessage } from 'node:http';
import { ClickHouseException } from './exception.ts';
import { limited } from './request-body.ts';

/** Returns whether the body is a form, which clients send when parameters are long. */
export function isForm(request: IncomingMessage): boolean {
  return request.headers['content-type']?.startsWith('multipart/form-data') === true;
}

/**
 * Returns the URL with the fields of the form (the query and its parameters) appended to its own
 * parameters.
 * @throws ClickHouseException if the form is invalid, is too long or contains a file.
 */
export async function withFields(request: IncomingMessage, url: URL): Promise<URL> {
  const parts: Buffer[] = [];
  for await (const part of limited(request)) parts.push(part);
  const headers = { 'content-type': request.headers['content-type'] ?? '' };
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- the body is in memory, and limited
  const form = await new Response(Buffer.concat(parts), { headers }).formData().catch(() => {
    throw new ClickHouseException(62, 'SYNTAX_ERROR', 'The body is not a valid form.');
  });
  const whole = new URL(url);
  for (const [name, value] of form) {
    if (typeof value !== 'string')
      throw new ClickHouseException(48, 'NOT_IMPLEMENTED', 'External tables are not supported here.');
    whole.searchParams.append(name, value);
  }
  return whole;
}
