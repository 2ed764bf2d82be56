import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { scriptOf } from './command.ts';

export interface Answer {
  readonly isError: boolean;
  readonly text: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Calls a tool, and asserts that the first content block of its result is text. */
export async function callTool(
  client: Client,
  name: string,
  args: Readonly<Record<string, unknown>> = {},
): Promise<Answer> {
  const result = await client.callTool({ name, arguments: { ...args } });
  const [content] = result.content as { readonly type: string; readonly text: string }[];
  assert.equal(content?.type, 'text');
  const { structuredContent = {}, isError } = result;
  return {
    isError: isError === true,
    text: content.text,
    data: structuredContent as Readonly<Record<string, unknown>>,
  };
}

/** Connects the SDK's client to a server in the same process. */
export async function connectTo(t: TestContext, server: McpServer): Promise<Client> {
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  const client = new Client({ name: 'test', version: '1' });
  await server.connect(theirs);
  await client.connect(ours);
  t.after(() => client.close());
  return client;
}

/** Starts the command `mcp`, and connects the SDK's client to it. */
export async function startMcp(
  t: TestContext,
  env: NodeJS.ProcessEnv,
): Promise<{
  readonly client: Client;
  readonly transport: StdioClientTransport;
  readonly log: () => string;
}> {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [...scriptOf('commands/mcp.ts')],
    env: Object.fromEntries(
      Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
    ),
    cwd: fileURLToPath(new URL('../../', import.meta.url)),
    stderr: 'pipe',
  });
  let log = '';
  transport.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString('utf8')));
  const client = new Client({ name: 'test', version: '1' });
  // The client reports any output on stdout that is not part of the protocol.
  client.onerror = (error) => assert.fail(error);
  await client.connect(transport);
  t.after(() => client.close());
  return { client, transport, log: () => log };
}
