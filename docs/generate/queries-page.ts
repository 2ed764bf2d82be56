import { readQuestions, type Question } from '../../operations/query/library.ts';
import samples from '../../queries/samples.json' with { type: 'json' };
import { code, generatedNote, table } from './markdown.ts';

type Row = Readonly<Record<string, string | null>>;

/** Rows of the result of each question, which a test compares with a simulated account. */
const rowsOf: Readonly<Record<string, readonly Row[] | undefined>> = samples;

/** Returns the page that lists the ready-made questions with their SQL. */
export function queriesPage(): string {
  const questions = readQuestions();
  return `${generatedNote}

# Ready-made questions

Each question is a file in \`queries/\`. Run one with its name:

\`\`\`sh
npm run query -- --question top_customers
npm run query -- --question mrr_by_month --output mrr.csv
\`\`\`

Amounts are in the currency of the account. Months begin at midnight in its time zone. The
[reference](reference/streams.md) describes every table and column.

Below each query are rows of its result for a simulated account of 300 customers on 1 October 2026:
the latest three months, or the first three rows. Questions about recent runs and changes show no rows.

${questions.map(({ title, about, name }) => `- [${title}](#${anchorOf(title)}) (${code(name)}): ${about}`).join('\n')}

${questions.map(section).join('\n\n')}
`;
}

function section({ title, about, chart, name, sql }: Question): string {
  const drawn =
    chart === undefined
      ? ''
      : `\n\nChart: ${chart.kind} of ${chart.y.map(code).join(' and ')} by ${code(chart.x)}${
          chart.series === undefined ? '' : `, one for each ${code(chart.series)}`
        }.`;
  return `## ${title}\n\n${code(`queries/${name}.sql`)}: ${about}${drawn}\n\n\`\`\`sql\n${sql}\n\`\`\`${sample(rowsOf[name])}`;
}

function sample(rows: readonly Row[] = []): string {
  const [first] = rows;
  if (first === undefined) return '';
  const cells = rows.map((row) =>
    Object.values(row).map((value) => value?.replaceAll('<', '&lt;') ?? 'NULL'),
  );
  return `\n\n${table(Object.keys(first), cells)}`;
}

function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\w -]/g, '')
    .replaceAll(' ', '-');
}
