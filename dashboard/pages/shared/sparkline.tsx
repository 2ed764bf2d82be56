import type { Series } from './live-overview.ts';
import { rateText } from './format.ts';

const WIDTH = 96;
const HEIGHT = 20;
const BUCKETS = 120;

interface SparklineProps {
  readonly series: Series | undefined;
  readonly bucketMs: number;
}

/**
 * Draws the last ten minutes: produced messages as an area, messages that the sink processed as a
 * line.
 */
export function Sparkline({ series, bucketMs }: SparklineProps) {
  const peak = Math.max(0, ...(series?.produced ?? []), ...(series?.sunk ?? []));
  const label =
    peak === 0
      ? 'no messages in ten minutes'
      : `ten minutes, at most ${rateText((peak * 1000) / bucketMs)} messages per second`;
  return (
    <svg class="sparkline" width={WIDTH} height={HEIGHT} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img">
      <title>{label}</title>
      <line x1="0" x2={WIDTH} y1={HEIGHT - 1} y2={HEIGHT - 1} class="baseline" />
      {series !== undefined && peak > 0 && (
        <>
          <path
            class="produced"
            d={`${lineOf(series.produced, peak)}V${HEIGHT - 1}H${startOf(series.produced)}Z`}
          />
          <path class="sunk" d={lineOf(series.sunk, peak)} />
        </>
      )}
    </svg>
  );
}

function xOf(index: number, length: number): number {
  return WIDTH - (length - 1 - index) * (WIDTH / (BUCKETS - 1));
}

function startOf(values: readonly number[]): string {
  return xOf(0, values.length).toFixed(1);
}

/**
 * Returns the path of a line. Heights are square roots, so small values stay visible next to a high
 * peak.
 */
function lineOf(values: readonly number[], peak: number): string {
  const points = values.map((value, index) => {
    const y = HEIGHT - 1 - Math.sqrt(value / peak) * (HEIGHT - 3);
    return `${xOf(index, values.length).toFixed(1)} ${y.toFixed(1)}`;
  });
  return `M${points.join('L')}`;
}
