import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { messageOf } from '../core/errors.ts';
import { refuseForeign } from '../core/http/foreign-request.ts';
import { createCommand, exitCodes, runMain } from '../core/process.ts';
import { compatibilityPath } from './local-address.ts';
import { listenUntil } from './http-listener.ts';

// Apicurio serves Confluent's API under its own path, and has no option to change the path. This
// process adds that path to every request that lacks it.

const deadlineMs = 60_000;

async function forward(target: URL, agent: Agent, incoming: IncomingMessage, answer: ServerResponse) {
  const path = incoming.url ?? '/';
  const signal = AbortSignal.timeout(deadlineMs);
  const outgoing = request(target, {
    agent,
    method: incoming.method,
    path: path.startsWith('/apis/') ? path : `${compatibilityPath}${path}`,
    headers: { ...incoming.headers, host: target.host },
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve).once('error', reject);
  });
  const [response] = await Promise.all([answered, pipeline(incoming, outgoing, { signal })]);
  answer.writeHead(response.statusCode ?? 502, response.headers);
  await pipeline(response, answer, { signal });
}

function refuse(answer: ServerResponse, error: unknown): void {
  if (answer.headersSent) return void answer.destroy();
  const message = `The registry is not ready: ${messageOf(error)}`;
  const body = JSON.stringify({ error_code: 50_301, message });
  answer.writeHead(503, { 'content-type': 'application/vnd.schemaregistry.v1+json' }).end(body);
}

await runMain(async (signal) => {
  const command = createCommand('services', 'Serves Confluent paths in front of Apicurio (for `services up`)')
    .requiredOption('--listen <url>', 'address to listen on')
    .requiredOption('--to <url>', "Apicurio's address")
    .parse();
  const { listen, to } = command.opts<{ listen: string; to: string }>();
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const server = createServer((incoming, answer) => {
    if (refuseForeign(incoming, answer)) return;
    forward(new URL(to), agent, incoming, answer).catch((error: unknown) => refuse(answer, error));
  });
  await listenUntil(server, new URL(listen), signal);
  agent.destroy();
  return exitCodes.done;
});
