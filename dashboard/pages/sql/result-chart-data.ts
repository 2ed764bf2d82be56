import type { SqlChart, SqlResult } from '../../api/sql.ts';
import type { ChartData } from '../shared/chart/chart-data.ts';

type Columns = SqlResult['columns'];

const colors = ['--chart-1', '--chart-2', '--chart-5', '--chart-3', '--chart-4'] as const;
const MAX_SERIES = 8;

/** Returns the type without Nullable and LowCardinality. */
export function plainType(type: string): string {
  const [, inner] = /^(?:Nullable|LowCardinality)\((.*)\)$/.exec(type) ?? [];
  return inner === undefined ? type : plainType(inner);
}

export function isNumeric(type: string): boolean {
  return /^(?:U?Int\d+|B?Float\d+|Decimal)/.test(plainType(type));
}

function isTime(type: string): boolean {
  return /^Date/.test(plainType(type));
}

/**
 * Returns the most likely chart: the first numeric column over the first time column. Without a
 * time column, x is the first column that is not numeric; without either, the first column.
 * Undefined without two such columns.
 */
export function likelyChart(columns: Columns): SqlChart | undefined {
  const x =
    columns.find(({ type }) => isTime(type)) ?? columns.find(({ type }) => !isNumeric(type)) ?? columns[0];
  const y = columns.find((column) => column !== x && isNumeric(column.type));
  if (x === undefined || y === undefined) return undefined;
  return { kind: isTime(x.type) ? 'line' : 'bar', x: x.name, y: [y.name] };
}

/** Returns whether a result has the columns of a chart, with numbers as y. */
export function fits(columns: Columns, chart: SqlChart): boolean {
  const has = (name: string) => columns.some((column) => column.name === name);
  const hasNumbers = (name: string) =>
    columns.some((column) => column.name === name && isNumeric(column.type));
  return (
    has(chart.x) &&
    chart.y.length > 0 &&
    chart.y.every(hasNumbers) &&
    (chart.series === undefined || has(chart.series))
  );
}

/**
 * Returns the data of a chart: the first MAX_SERIES series, with values rounded to doubles. The
 * table has all digits.
 */
export function chartDataOf({ columns, rows }: SqlResult, chart: SqlChart): ChartData {
  const at = (name: string) => columns.findIndex((column) => column.name === name);
  const xAt = at(chart.x);
  const xType = columns[xAt]?.type ?? '';
  const xKind = chart.kind === 'bar' ? 'name' : isTime(xType) ? 'time' : isNumeric(xType) ? 'number' : 'name';
  const texts = [...new Set(rows.map((row) => row[xAt] ?? 'NULL'))];
  const positions = new Map<string, number>();
  for (const [index, text] of texts.entries()) {
    const x = xKind === 'name' ? index : xKind === 'time' ? secondsOf(text) : Number(text);
    // NULL has no position on the axis of a line.
    if (Number.isFinite(x)) positions.set(text, x);
  }
  const xs = [...new Set(positions.values())].sort((a, b) => a - b);
  const textOf = new Map([...positions].map(([text, x]) => [x, text]));
  const series = new Map<string, (number | null)[]>();
  for (const row of rows) {
    const x = positions.get(row[xAt] ?? 'NULL');
    if (x === undefined) continue;
    for (const name of chart.y) {
      const part = chart.series === undefined ? undefined : (row[at(chart.series)] ?? 'NULL');
      const label = part === undefined ? name : chart.y.length === 1 ? part : `${part} ${name}`;
      let values = series.get(label);
      if (values === undefined) {
        if (series.size >= MAX_SERIES) continue;
        series.set(label, (values = xs.map(() => null)));
      }
      const value = row[at(name)] ?? null;
      const number = value === null ? NaN : Number(value);
      values[xs.indexOf(x)] = Number.isFinite(number) ? number : null;
    }
  }
  return {
    xs,
    xKind,
    xText: (x) => textOf.get(x) ?? String(x),
    isStacked: chart.kind === 'bar',
    series: [...series].map(([name, values], index) => ({
      name,
      values,
      kind: chart.kind,
      color: colors[index % colors.length] ?? colors[0],
    })),
    valueText: (value) => value.toLocaleString('en-US', { maximumFractionDigits: 6 }),
    axisText: (value) => value.toLocaleString('en-US', { notation: 'compact', maximumFractionDigits: 2 }),
  };
}

/** Parses `2026-03-01` or `2026-03-01 14:05:09.123` as if it were UTC. */
function secondsOf(text: string): number {
  return Date.parse(`${text.slice(0, 10)}T${text.length > 10 ? text.slice(11, 23) : '00:00:00'}Z`) / 1_000;
}
