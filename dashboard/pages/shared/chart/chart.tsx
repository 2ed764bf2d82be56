import { useEffect, useRef, useState } from 'preact/hooks';
import { Skeleton } from '../states.tsx';
import type { ChartData } from './chart-data.ts';
import type { Drawing } from './draw-chart.ts';

interface ChartProps {
  /** Names the chart for assistive technology; the same data must be near it as text or a table. */
  readonly label: string;
  readonly data: ChartData;
  readonly height: number;
  /**
   * Called with the position that was clicked; the same action must be possible without the chart.
   */
  readonly onPick?: (at: number) => void;
}

/** A chart with a legend, which shows the values at the pointer, or the last values. */
export function Chart({ label, data, height, onPick }: ChartProps) {
  const frame = useRef<HTMLDivElement>(null);
  const [hovered, setHovered] = useState<number>();
  const [isDrawn, setDrawn] = useState(false);
  useEffect(() => {
    const target = frame.current;
    if (target === null) return undefined;
    let drawing: Drawing | undefined;
    let isGone = false;
    // The code for charts is loaded with the first chart.
    void import('./draw-chart.ts').then(({ drawChart }) => {
      if (isGone) return;
      drawing = drawChart(target, data, height, setHovered);
      setDrawn(true);
    });
    return () => {
      isGone = true;
      drawing?.remove();
    };
  }, [data, height]);
  const at = hovered ?? data.xs.length - 1;
  const x = data.xs[at];
  return (
    <figure class="chart" aria-label={label}>
      <figcaption class="chart-legend">
        <span class="chart-x">{x === undefined ? '' : data.xText(x)}</span>
        <ul>
          {data.series.map(({ name, values, kind, color }) => {
            const value = values[at];
            return (
              <li key={name}>
                <span class={`chart-key ${kind}`} style={{ '--key': `var(${color})` }} />
                {name}{' '}
                <span class="chart-value number">
                  {value === null || value === undefined ? '–' : data.valueText(value)}
                </span>
              </li>
            );
          })}
        </ul>
      </figcaption>
      <div
        class={onPick === undefined ? 'chart-frame' : 'chart-frame picks'}
        style={{ minHeight: `${height}px` }}
        ref={frame}
        aria-hidden="true"
        onClick={() => {
          if (hovered !== undefined) onPick?.(hovered);
        }}
      >
        {!isDrawn && <Skeleton lines={3} />}
      </div>
    </figure>
  );
}
