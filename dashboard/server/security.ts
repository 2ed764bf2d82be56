import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { foreignRequest } from '../../core/http/foreign-request.ts';
import type { Settings } from '../../core/settings/config.ts';
import { isLoopback } from '../../core/settings/setting-values.ts';
import { sendError } from './api-error.ts';
import { LoginAttempts } from './login-attempts.ts';

/** The request header that contains the page token. */
export const TOKEN_HEADER = 'x-page-token';

/** Routes that a browser calls without our headers. The id of a download cannot be guessed. */
const withoutHeader = new Set(['/api/events', '/api/sql/downloads/:id']);

/** Longer than any address of the dashboard, including a link with a query. */
const MAX_URL_LENGTH = 8_192;

export const securityHeaders = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'content-security-policy': contentSecurityPolicy(),
  'cache-control': 'no-store',
};

/** @param nonce allows style elements that carry it, which the SQL editor creates. */
export function contentSecurityPolicy(nonce?: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self'${nonce === undefined ? '' : ` 'nonce-${nonce}'`}`,
    "connect-src 'self'",
    "img-src 'self' data:",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

/**
 * Rejects every request from another web page, requires the password if there is one, and requires
 * the page token for every POST request. Other API calls, except a few, require the token's header
 * with any value: another web page cannot make a browser send it, although the browser may send the
 * password.
 * @returns the page token, which is new at each start and which only our own page can read.
 */
export function protect(app: FastifyInstance, { host, password }: Settings['show']): string {
  const token = randomBytes(24).toString('base64url');
  const reach = isLoopback(host) ? 'machine' : 'network';
  const attempts = new LoginAttempts();
  app.addHook('onRequest', async (request, reply) => {
    void reply.headers(securityHeaders);
    const reason = foreignRequest(request.raw, reach);
    if (reason !== undefined) return sendError(reply, 403, `Forbidden: ${reason}`);
    if (request.url.length > MAX_URL_LENGTH) return sendError(reply, 414, 'the address is too long');
    if (password !== undefined && attempts.isBlocked(request.ip))
      return sendError(
        reply.header('retry-after', '60'),
        429,
        'too many wrong passwords from this address',
        'wait a minute',
      );
    if (password !== undefined && !hasPassword(request, password.reveal())) {
      // A browser asks for the password only after a request without one.
      if (request.headers.authorization !== undefined) attempts.fail(request.ip);
      void reply.header('www-authenticate', 'Basic realm="chartmogul-clickhouse", charset="UTF-8"');
      return sendError(reply, 401, 'a password is required: the value of SHOW_PASSWORD, with any user name');
    }
    if (request.method === 'GET' || request.method === 'HEAD') {
      // The route is checked, because an address can be written in several ways.
      const { url: route = '' } = request.routeOptions;
      if (!route.startsWith('/api/') || withoutHeader.has(route)) return undefined;
      // Any value is accepted, so that a page survives a restart of the server.
      if (headerOf(request, TOKEN_HEADER) !== '') return undefined;
      return sendError(
        reply,
        403,
        `Forbidden: an API call requires the header ${TOKEN_HEADER}`,
        'send it with any value',
      );
    }
    if (request.method !== 'POST') return sendError(reply, 405, 'only GET, HEAD and POST are allowed');
    if (!isEqual(headerOf(request, TOKEN_HEADER), token))
      return sendError(
        reply,
        403,
        `Forbidden: ${TOKEN_HEADER} must be the token of the page`,
        'reload the page',
      );
    if (!/^application\/json *(;|$)/i.test(headerOf(request, 'content-type')))
      return sendError(reply, 415, 'the body must be JSON');
    return undefined;
  });
  return token;
}

function hasPassword(request: FastifyRequest, password: string): boolean {
  const [, encoded = ''] = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(headerOf(request, 'authorization')) ?? [];
  const login = Buffer.from(encoded, 'base64').toString('utf8');
  // The user name has no colon, so the rest is the password.
  return login.includes(':') && isEqual(login.slice(login.indexOf(':') + 1), password);
}

function headerOf(request: FastifyRequest, name: string): string {
  const value = request.headers[name];
  return typeof value === 'string' ? value : '';
}

/** Compares two strings in constant time. */
function isEqual(got: string, wanted: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(got), digest(wanted));
}
