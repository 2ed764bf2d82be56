export interface ChartSeries {
  readonly name: string;
  readonly values: readonly (number | null)[];
  readonly kind: 'line' | 'area' | 'bar';
  /** A CSS custom property, such as `--chart-1`. */
  readonly color: string;
}

export interface ChartData {
  /** Positions on the x axis in ascending order; 0, 1, 2 … for names. */
  readonly xs: readonly number[];
  /** Returns the label of a position. */
  readonly xText: (x: number) => string;
  /** `name`: whole positions only; `number`: any; `time`: seconds since 1970, in UTC. */
  readonly xKind: 'name' | 'number' | 'time';
  readonly series: readonly ChartSeries[];
  /** Bars at one position are stacked, upwards and downwards from 0. */
  readonly isStacked?: boolean;
  /** Formats a value with all digits, for the legend. */
  readonly valueText: (value: number) => string;
  /** Formats a value for the axis. */
  readonly axisText: (value: number) => string;
}
