import { readFileSync } from 'node:fs';
import { readStreamSchema, streamNames } from '../../core/avro/schema-files.ts';
import { fieldColumns, systemColumns, type CommentedColumn } from '../../consumers/table/stored-columns.ts';
import { parseWriterSchema } from '../../consumers/schema/writer-schema.ts';
import { streams, type StreamSpec } from '../../producers/chartmogul/streams.ts';
import { code, generatedNote, table } from './markdown.ts';

const deletes: Readonly<Record<StreamSpec['deletes']['proof'], string>> = {
  'look-up': 'its address answers 404',
  twice: 'two complete runs miss it',
  single: 'the answer has another key',
  none: 'never',
};

/** Returns the page that lists every stream, where it is read from, its key and its columns. */
export function streamsPage(): string {
  const specs = new Map(streams.map((spec) => [spec.name, spec]));
  const rows = streamNames.map((name) => {
    const spec = specs.get(name);
    return [
      `[${code(name)}](#${name})`,
      spec?.paths.map((path) => code(path)).join(', else ') ?? 'the runs of `produce`',
      readStreamSchema(name).primaryKey.map(code).join(', '),
      spec === undefined ? deletes.none : deletes[spec.deletes.proof],
    ];
  });
  return `${generatedNote}

# Streams

The stream \`customers\` has the topic \`chartmogul.customers\`, the subject \`chartmogul.customers-value\`, the table
\`customers_raw\` and the view \`customers\`, which shows the latest live row of each key. Other views: \`line_items\`
and \`transactions\` (a row for each item of an invoice, with \`invoice_uuid\`), \`subscriptions\` (the same as
\`customer_subscriptions\`) and \`sources\` (the same as \`data_sources\`).

${table(['stream', 'read from', 'key', 'deleted when'], rows)}

Metrics have a row for each date and each of \`METRICS_INTERVALS\`; \`metrics_asp\` has months, quarters and years only. \`invoices\` includes invalid and disabled invoices, and \`subscription_events\` includes disabled events. \`transactions\` is read from \`/transactions\` if the server has it; otherwise the view derives from the invoices.

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
`;
}

function streamSection(name: string): string {
  const text = readFileSync(new URL(`../../schemas/${name}.avsc`, import.meta.url), 'utf8');
  const schema = parseWriterSchema(text, `schemas/${name}.avsc`);
  return `## ${name}\n\n${schema.doc ?? ''}\n\n${columnTable(fieldColumns(schema))}`;
}

function columnTable(columns: readonly CommentedColumn[]): string {
  return table(
    ['column', 'type', 'meaning'],
    columns.map(({ name, type, comment }) => [code(name), code(type.text.replaceAll('`', '')), comment]),
  );
}
