export interface ChartSeries {
  readonly name: string;
  readonly values: readonly (number | null)[];
  readonly kind: 'line' | 'area' | 'bar';
  /** A custom property of the styles, such as `--chart-1`. */
  readonly color: string;
}

export interface ChartData {
  /** Positions on the x axis in ascending order; 0, 1, 2 … for names. */
  readonly xs: readonly number[];
  /** The label of a position. */
  readonly xText: (x: number) => string;
  /** `name`: whole positions only; `time`: seconds since 1970, in UTC. */
  readonly xKind: 'name' | 'number' | 'time';
  readonly series: readonly ChartSeries[];
  /** Bars of one position are stacked, upwards and downwards from 0. */
  readonly isStacked?: boolean;
  /** A value with all digits, in the legend. */
  readonly valueText: (value: number) => string;
  /** A value on the axis. */
  readonly axisText: (value: number) => string;
}
