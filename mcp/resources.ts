import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { ResourceTemplate, type McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { ReadResourceResult } from '@modelcontextprotocol/sdk/types.js';
import { streamNames } from '../core/avro/schema-files.ts';
import { withConnections } from '../core/connections.ts';
import { withDeadline } from '../core/deadline.ts';
import { ConfigError, EtlError, messageOf } from '../core/errors.ts';
import { mostSimilar } from '../core/settings/choice.ts';
import { readQuestions } from '../operations/query/library.ts';
import { readSchemaVersions } from '../operations/schemas/schema-versions.ts';
import type { ToolContext } from './tools/tools.ts';

const root = new URL('../', import.meta.url);
const REGISTRY_MS = 10_000;

/** Read only once, because over HTTP each request creates a server. */
const pages = readPages();

/** Adds documentation, schemas of streams, and ready-made questions. */
export function addResources(server: McpServer, context: ToolContext): void {
  for (const page of pages) addDoc(server, page);
  for (const { name, title, about, sql } of readQuestions()) {
    const uri = `chartmogul://queries/${name}`;
    const meta = { title, description: about, mimeType: 'application/sql' };
    server.registerResource(`query ${name}`, uri, meta, () => textOf(uri, meta.mimeType, sql));
  }
  const mimeType = 'application/json';
  const uriOf = (stream: string) => `chartmogul://schemas/${stream}`;
  const list = () => ({
    resources: streamNames.map((stream) => ({ uri: uriOf(stream), name: `schema ${stream}`, mimeType })),
  });
  const startingWith = (text: string) => streamNames.filter((stream) => stream.startsWith(text));
  server.registerResource(
    'schema',
    new ResourceTemplate('chartmogul://schemas/{stream}', { list, complete: { stream: startingWith } }),
    {
      title: 'Avro schema of a stream',
      description:
        'The latest version in the schema registry; the file in schemas/ if the registry has none or does not respond.',
      mimeType,
    },
    async (uri, { stream }) => textOf(uri.href, mimeType, await schemaText(context, String(stream))),
  );
}

function addDoc(server: McpServer, { path, title }: Page): void {
  // docs/README.md keeps its folder, because README.md already has the shorter address.
  const uri = `chartmogul://docs/${path.replace(/^docs\/(?!README\.md$)/, '')}`;
  const mimeType = 'text/markdown';
  const read = () => textOf(uri, mimeType, readFileSync(new URL(path, root), 'utf8'));
  server.registerResource(path, uri, { title, mimeType }, read);
}

interface Page {
  readonly path: string;
  readonly title: string;
}

/** Returns the documentation pages. */
function readPages(): readonly Page[] {
  const docs = new URL('docs/', root);
  const names = existsSync(docs) ? readdirSync(docs, { recursive: true, encoding: 'utf8' }) : [];
  return ['README.md', ...names.map((name) => `docs/${name.replaceAll('\\', '/')}`).sort()]
    .filter((path) => path.endsWith('.md') && existsSync(new URL(path, root)))
    .map((path) => {
      const [, title = path] = /^# (.+)$/m.exec(readFileSync(new URL(path, root), 'utf8')) ?? [];
      return { path, title };
    });
}

function textOf(uri: string, mimeType: string, text: string): ReadResourceResult {
  return { contents: [{ uri, mimeType, text }] };
}

/** Returns the schema of a stream as JSON. @throws Error with a message for the client. */
async function schemaText({ settings, signal }: ToolContext, stream: string): Promise<string> {
  const file = new URL(`schemas/${stream}.avsc`, root);
  const isKnown = streamNames.includes(stream);
  try {
    const role = { name: 'mcp', needs: ['registry'] } as const;
    const versions = await withDeadline(signal, REGISTRY_MS, (soon) =>
      withConnections(settings, role, soon, (services) => readSchemaVersions(services, stream)),
    );
    const text = versions.at(-1)?.text;
    if (text !== undefined) return text;
    if (isKnown) return readFileSync(file, 'utf8');
    const similar = mostSimilar(stream, streamNames);
    const guess = similar === undefined ? '' : ` Did you mean ${similar}?`;
    throw new ConfigError(
      `there is no schema for ${stream.slice(0, 80)}.${guess} list_streams lists the streams`,
    );
  } catch (error) {
    if (isKnown && error instanceof EtlError) return readFileSync(file, 'utf8');
    throw new Error(messageOf(error));
  }
}
