import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { ConfigError, messageOf } from '../core/errors.ts';
import { refuseForeign } from '../core/http/foreign-request.ts';
import { logger } from '../core/logger.ts';
import type { Settings } from '../core/settings/config.ts';
import { createMcpServer, createToolContext } from './server.ts';
import type { ToolContext } from './tools/tools.ts';

export const MCP_PATH = '/mcp';
const HOST = '127.0.0.1';
const MAX_BODY = 1024 * 1024;
const REQUEST_MS = 30_000;
const MAX_CONNECTIONS = 50;

export interface RunningServer {
  readonly url: string;
  /** A random token if MCP_TOKEN is not set; otherwise undefined. */
  readonly token: string | undefined;
  readonly stopped: Promise<void>;
}

/**
 * Starts an HTTP server for clients on this machine. It runs until the signal aborts. Every request
 * is self-contained, so there are no sessions.
 * @throws ConfigError if the server cannot listen on the port.
 */
export async function serveHttp(
  settings: Settings,
  port: number,
  signal: AbortSignal,
): Promise<RunningServer> {
  const random = settings.mcpToken === undefined ? randomBytes(32).toString('base64url') : undefined;
  const token = settings.mcpToken?.reveal() ?? random ?? '';
  const context = createToolContext(settings, signal);
  const server = createServer({ requestTimeout: REQUEST_MS }, (request, response) => {
    if (refuseForeign(request, response)) return;
    const refusal = refusalOf(request, token);
    if (refusal === undefined) void answer(request, response, context);
    else refuse(request, response, refusal);
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.listen(port, HOST);
  await once(server, 'listening').catch(async (error: unknown) => {
    await context.close();
    const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    throw new ConfigError(
      isTaken
        ? `--port is ${port}, which is in use: choose a free port, or stop the other server`
        : `the server cannot listen on port ${port}: ${messageOf(error)}`,
    );
  });
  const stopped = new Promise<void>((resolve) => {
    const stop = () => {
      server.close(() => void context.close().finally(resolve));
      server.closeAllConnections();
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  return {
    url: `http://${HOST}:${(server.address() as AddressInfo).port}${MCP_PATH}`,
    token: random,
    stopped,
  };
}

interface Refusal {
  readonly status: number;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function refusalOf(request: IncomingMessage, token: string): Refusal | undefined {
  const [, sent = ''] = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
  if (!isEqual(sent, token))
    return {
      status: 401,
      message:
        'Authorization must be Bearer with the value of MCP_TOKEN, or with the token that the server printed',
      headers: { 'www-authenticate': 'Bearer' },
    };
  if (request.url?.split('?')[0] !== MCP_PATH)
    return { status: 404, message: `the only path is ${MCP_PATH}` };
  if (request.method === 'POST') return undefined;
  return { status: 405, message: 'only POST is allowed', headers: { allow: 'POST' } };
}

function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  { status, message, headers }: Refusal,
): void {
  const error = { jsonrpc: '2.0', id: null, error: { code: -32_000, message } };
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(error));
  // Many clients do not read the answer before they have sent the body.
  request.resume();
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  context: ToolContext,
): Promise<void> {
  const server = createMcpServer(context);
  const transport = new StreamableHTTPServerTransport({ maxRequestBodySize: MAX_BODY });
  server.server.onerror = (error) => logger.warn({ reason: messageOf(error) }, 'message not understood');
  // A client that disconnects cancels its calls.
  response.once('close', () => void server.close());
  try {
    await server.connect(transport);
    await transport.handleRequest(request, response);
  } catch (error) {
    logger.error({ reason: messageOf(error) }, 'request failed');
    response.destroy();
  }
}

/** Compares two strings in constant time. */
function isEqual(got: string, wanted: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(got), digest(wanted));
}
