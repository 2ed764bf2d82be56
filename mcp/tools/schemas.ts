import { z } from 'zod';
import { withConnections } from '../../core/connections.ts';
import { ConfigError } from '../../core/errors.ts';
import { several } from '../../core/terminal/amounts.ts';
import type { SchemaChange } from '../../operations/schemas/schema-diff.ts';
import { compareSchemas, readSchemaVersions } from '../../operations/schemas/schema-versions.ts';
import { fitting, shortened } from '../limits.ts';
import { streamName } from './streams.ts';
import type { AddTools } from './tools.ts';

const version = z.number().int().min(1).max(1_000_000_000).optional();

export const addSchemaTools: AddTools = (tools) => {
  const { settings } = tools.context;
  tools.add(
    'compare_schemas',
    {
      title: 'Compare schema versions',
      description:
        "Lists the versions of a stream's Avro schema in the registry and the fields that differ between two of them. Without versions, compares the latest version with the previous one.",
      input: { stream: streamName, from: version, to: version },
      hasValues: true,
      output: {
        subject: z.string(),
        versions: z.array(z.object({ version: z.number(), id: z.number(), fields: z.number() })),
        from: z.number(),
        to: z.number(),
        changes: z.array(
          z.object({
            kind: z.enum(['added', 'removed', 'changed']),
            path: z.string(),
            property: z.string().nullable(),
            from: z.string().nullable(),
            to: z.string().nullable(),
          }),
        ),
        isCut: z.boolean(),
      },
    },
    async ({ stream, from, to }, { signal }) =>
      withConnections(settings, { name: 'mcp', needs: ['registry'] }, signal, async (services) => {
        const known = await readSchemaVersions(services, stream);
        const last = known.at(-1)?.version;
        if (last === undefined)
          throw new ConfigError(`stream ${stream} has no schema in the registry; run \`npm run produce\``);
        const newer = to ?? last;
        const before = known.filter((one) => one.version < newer).at(-1)?.version;
        const compared = await compareSchemas(services, stream, from ?? before ?? newer, newer);
        const { items, isCut } = fitting(compared.changes.map(changeOf));
        const cut = isCut ? `, of which ${items.length} are shown` : '';
        const [older, latest] = [compared.from.version, compared.to.version];
        return {
          text: `${compared.subject}: ${several(compared.changes.length, 'change')}${cut} from version ${older} to ${latest}, of ${several(known.length, 'version')}.`,
          values: items.map(textOf),
          data: {
            subject: compared.subject,
            versions: known
              .slice(-100)
              .map((one) => ({ version: one.version, id: one.id, fields: one.fields })),
            from: older,
            to: latest,
            changes: [...items],
            isCut,
          },
        };
      }),
  );
};

type Change = Readonly<Record<'path', string>> & {
  readonly kind: SchemaChange['kind'];
  readonly property: string | null;
  readonly from: string | null;
  readonly to: string | null;
};

function changeOf(change: SchemaChange): Change {
  const { kind, path } = change;
  const short = (text: string | null) => text && shortened(text, 500);
  return kind === 'changed'
    ? { kind, path, property: change.property, from: short(change.from), to: short(change.to) }
    : {
        ...{ kind, path, property: 'type' },
        from: kind === 'removed' ? change.field.type : null,
        to: kind === 'added' ? change.field.type : null,
      };
}

function textOf({ kind, path, property, from, to }: Change): string {
  const what = path === '' ? 'the schema' : path;
  return kind === 'changed'
    ? `changed ${what}: ${property ?? ''} from ${from ?? 'none'} to ${to ?? 'none'}`
    : `${kind} ${what}: ${to ?? from ?? ''}`;
}
