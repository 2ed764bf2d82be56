import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { messageOf } from '../core/errors.ts';
import { logger } from '../core/logger.ts';
import type { Settings } from '../core/settings/config.ts';
import { createMcpServer, createToolContext } from './server.ts';

/**
 * How long calls may continue after the client has closed stdin, for example at the end of a pipe.
 */
const END_MS = 5_000;
/** The maximum size of one message in bytes. */
const MAX_MESSAGE = 4 * 1024 * 1024;

/**
 * Serves one client over stdin and stdout. Stdout carries only the protocol. Returns when the
 * signal aborts, when the connection closes, or after stdin has ended: open calls may then continue
 * for up to END_MS.
 */
export async function serveStdio(settings: Settings, signal: AbortSignal): Promise<void> {
  const stopping = new AbortController();
  const onAbort = () => stopping.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  const context = createToolContext(settings, stopping.signal);
  const server = createMcpServer(context);
  const transport = new OwnTransport();
  server.server.onerror = (error) => logger.warn({ reason: messageOf(error) }, 'message not understood');
  try {
    await server.connect(transport);
    await endOf(transport, signal);
  } finally {
    signal.removeEventListener('abort', onAbort);
    stopping.abort();
    await server.close();
    await context.close();
  }
}

/** Keeps track of requests that have not been answered. */
class OwnTransport extends StdioServerTransport {
  readonly #open = new Set<string | number>();
  #onIdle: () => void = () => undefined;

  constructor() {
    super(process.stdin, process.stdout, { maxBufferSize: MAX_MESSAGE });
  }

  override async start(): Promise<void> {
    const handle = this.onmessage;
    this.onmessage = (message) => {
      if ('method' in message && 'id' in message) this.#open.add(message.id);
      handle?.(message);
    };
    await super.start();
  }

  override async send(message: JSONRPCMessage): Promise<void> {
    await super.send(message);
    if (!('method' in message) && message.id !== undefined) this.#open.delete(message.id);
    if (this.#open.size === 0) this.#onIdle();
  }

  /** Resolves once every request has been answered. */
  async idle(): Promise<void> {
    if (this.#open.size > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
  }
}

async function endOf(transport: OwnTransport, signal: AbortSignal): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    const { onclose } = transport;
    transport.onclose = () => {
      onclose?.();
      resolve();
    };
  });
  const aborted = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  const ended = new Promise<void>((resolve) => {
    process.stdin.once('end', resolve).once('close', resolve);
  });
  await Promise.race([closed, aborted, ended]);
  if (signal.aborted) return;
  const late = new Promise<void>((resolve) => setTimeout(resolve, END_MS).unref());
  await Promise.race([transport.idle(), closed, aborted, late]);
}
