import { readdirSync, readFileSync } from 'node:fs';

/** The best chart for a result. `x`, `y` and `series` are names of its columns. */
export interface QuestionChart {
  readonly kind: 'line' | 'bar';
  readonly x: string;
  readonly y: readonly string[];
  /** The column that splits the rows into series, one for each value. */
  readonly series?: string;
}

/** A ready-made question: a file in `queries/`. */
export interface Question {
  /** The name of the file without `.sql`. */
  readonly name: string;
  readonly title: string;
  /** Describes the result in one or two sentences. */
  readonly about: string;
  readonly chart: QuestionChart | undefined;
  readonly sql: string;
}

const folder = new URL('../../queries/', import.meta.url);

/** The names of questions in the order in which they are shown. */
const order = [
  'mrr_by_month',
  'largest_movements',
  'net_revenue_retention',
  'gross_churn',
  'cohort_retention',
  'churned_customers',
  'churn_reasons',
  'top_customers',
  'new_customers',
  'arpa',
  'mrr_by_plan',
  'customers_by_country',
  'failed_payments',
  'outstanding_invoices',
  'changed_customers',
  'changes_last_24_hours',
  'freshness',
  'runs_with_problems',
];

/** Returns the ready-made questions. Files that are not in the order come last. */
export function readQuestions(): readonly Question[] {
  const place = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length);
  return readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .map((file) => parseQuestion(file.slice(0, -'.sql'.length), readFileSync(new URL(file, folder), 'utf8')))
    .sort((a, b) => place(a.name) - place(b.name) || a.name.localeCompare(b.name));
}

/**
 * Parses a question: the comments `-- title:`, `-- about:` and optionally `-- chart:`, then the
 * SQL.
 * @throws SyntaxError that names the file.
 */
export function parseQuestion(name: string, text: string): Question {
  const field = (key: string) => new RegExp(`^-- ${key}: (.+)$`, 'm').exec(text)?.[1]?.trim();
  const [title, about, chart] = [field('title'), field('about'), field('chart')];
  if (title === undefined || about === undefined)
    throw new SyntaxError(`queries/${name}.sql must begin with -- title: … and -- about: …`);
  const sql = text.replace(/^-- (?:title|about|chart): .+\n/gm, '').trim();
  return { name, title, about, chart: chart === undefined ? undefined : parseChart(name, chart), sql };
}

/** Parses `line, x month, y mrr, arpa, series plan`. */
function parseChart(name: string, text: string): QuestionChart {
  const [, kind, x, y = '', series] =
    /^(line|bar), x (\w+), y (\w+(?:, (?!series )\w+)*)(?:, series (\w+))?$/.exec(text) ?? [];
  if (x === undefined)
    throw new SyntaxError(
      `queries/${name}.sql: -- chart: must be line or bar, then x, y and optionally series; got "${text}"`,
    );
  return {
    kind: kind === 'bar' ? 'bar' : 'line',
    x,
    y: y.split(', '),
    ...(series !== undefined && { series }),
  };
}
