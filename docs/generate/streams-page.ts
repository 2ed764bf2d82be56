import { readFileSync } from 'node:fs';
import { readStreamSchema, streamNames } from '../../core/avro/schema-files.ts';
import { fieldColumns, systemColumns, type CommentedColumn } from '../../consumers/table/stored-columns.ts';
import { parseWriterSchema } from '../../consumers/schema/writer-schema.ts';
import type { WriterSchema } from '../../consumers/schema/writer-type.ts';
import { derivedViews } from '../../consumers/view/definitions.ts';
import { selectOf } from '../../consumers/view/view-query.ts';
import { viewQueries } from '../../consumers/view/view.ts';
import { eventStream, streams, type StreamSpec } from '../../producers/chartmogul/streams.ts';
import { RUNS } from '../../producers/publish/send-run.ts';
import { code, generatedNote, table } from './markdown.ts';

const deletes: Readonly<Record<StreamSpec['deletes']['proof'], string>> = {
  'look-up': 'ChartMogul returns 404 for it',
  twice: 'two consecutive complete runs do not find it',
  single: 'the response has another key',
  none: 'never',
};

/** Streams that no run reads. */
const otherSources: Readonly<Record<string, string>> = {
  [RUNS]: 'the runs of `produce`',
  [eventStream.name]: 'ChartMogul sends it to `npm run webhook`',
};

/** Returns the page that lists every stream, where it is read from, its key and its columns. */
export function streamsPage(): string {
  const specs = new Map(streams.map((spec) => [spec.name, spec]));
  const rows = streamNames.map((name) => {
    const spec = specs.get(name);
    return [
      `[${code(name)}](#${name})`,
      spec?.paths.map((path) => code(path)).join(', else ') ?? otherSources[name] ?? '',
      readStreamSchema(name).primaryKey.map(code).join(', '),
      spec === undefined ? deletes.none : deletes[spec.deletes.proof],
    ];
  });
  return `${generatedNote}

# Streams

The stream \`customers\` has the topic \`chartmogul.customers\`, the subject \`chartmogul.customers-value\`, the table
\`customers_raw\` and the view \`customers\`, which shows the latest live row of each key. [Other views](#views) show the
same rows in other forms.

${table(['stream', 'read from', 'key', 'deleted when'], rows)}

The children of a deleted customer or plan group are deleted with it.

Metrics have a row for each date and each of \`METRICS_INTERVALS\`; \`metrics_asp\` has months, quarters and years only. \`invoices\` includes invalid and disabled invoices, and \`subscription_events\` includes disabled events. \`transactions\` is read from \`/transactions\` if the server has it; otherwise the view is derived from the invoices.

## Values

- Amounts are integers in cents. Instants are in UTC.
- A blank value of a number field is null.
- An \`account\` without an id has the id \`account\`.
- A value that does not fit its column is stored in \`<column>__v_<type>\`: \`mrr__v_double\` for a fraction of a cent,
  \`rate__v_string\` for \`99999999999999.99\`, which a Float64 would round.
- A field that ChartMogul adds becomes a new column.
- An unpaired surrogate, which UTF-8 cannot hold, becomes U+FFFD and its four hex digits (\`\ufffdd83d\`), in keys too.

Free-form objects such as \`attributes.custom\` are JSON text with the keys that you gave them:

\`\`\`sql
SELECT JSONExtract(attributes.custom, 'CAC', 'Nullable(Int64)'), JSONExtractKeys(attributes.custom) FROM customers
\`\`\`

- \`simpleJSONExtractRaw\` returns a fraction with all its digits; \`JSONExtract…\` rounds to a double.
- Values that ClickHouse cannot read become strings: the digits of a number beyond 64 bits (or beyond a double, \`1e400\`), and JSON that is nested more than 1,000 levels deep.
- In \`custom\`, \`stripe\` and \`clearbit\`, null is the text \`null\`. Other JSON, such as \`errors\`, has nulls:
  \`JSONExtractKeys(ifNull(errors, 'null'))\`. Columns that an earlier version created keep their nulls until a replay.

## System columns

Every \`_raw\` table also has these columns:

${columnTable(systemColumns)}

${streamNames.map(streamSection).join('\n\n')}

## Views

Every view also has the column \`_changed_at\`: the time at which Kafka received the latest message from which the row is derived.
[Query the tables and views](../how-to/tables-and-views.md) has examples.

${table(
  ['view', 'shows', 'derived from'],
  derivedViews.map(({ name, about, streams: sources }) => [
    code(name),
    about,
    sources.map((source) => `[${code(source)}](#${source})`).join(', '),
  ]),
)}

${viewSections().join('\n\n')}
`;
}

function streamSection(name: string): string {
  const schema = schemaOf(name);
  return `## ${name}\n\n${schema.doc ?? ''}\n\n${columnTable(fieldColumns(schema))}`;
}

function schemaOf(name: string): WriterSchema {
  const text = readFileSync(new URL(`../../schemas/${name}.avsc`, import.meta.url), 'utf8');
  return parseWriterSchema(text, `schemas/${name}.avsc`);
}

/** Returns the columns of each derived view that is more than another name. */
function viewSections(): string[] {
  const columns = new Map(streamNames.map((name) => [name, fieldColumns(schemaOf(name))]));
  columns.delete('transactions');
  const seen = new Set<string>();
  return derivedViews.flatMap(({ name, streams: [stream] }) => {
    const [own, ...others] = viewQueries('chartmogul', stream, columns);
    const query = others.find((view) => view.name === name)?.query;
    if (own === undefined || query === undefined) return [];
    const isAnotherName = seen.add(selectOf(own.query)).has(selectOf(query));
    seen.add(selectOf(query));
    if (isAnotherName) return [];
    const shown = query.columns.filter((column) => column.name !== '_changed_at');
    const rows = shown.map((column) => [code(column.name), column.comment]);
    return [`### ${name}\n\n${table(['column', 'meaning'], rows)}`];
  });
}

function columnTable(columns: readonly CommentedColumn[]): string {
  return table(
    ['column', 'type', 'meaning'],
    columns.map(({ name, type, comment }) => [code(name), code(type.text.replaceAll('`', '')), comment]),
  );
}
