import { readQuestions, type Question } from '../../operations/query/library.ts';
import { code, generatedNote } from './markdown.ts';

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
  return `## ${title}\n\n${code(`queries/${name}.sql`)}: ${about}${drawn}\n\n\`\`\`sql\n${sql}\n\`\`\``;
}

function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\w -]/g, '')
    .replaceAll(' ', '-');
}
