import { readFileSync, writeFileSync } from 'node:fs';
import { curveSvg, type Point } from './curve-svg.ts';
import type { Provenance } from './provenance.ts';

const folder = new URL('results/', import.meta.url);
const file = new URL('growth.json', folder);

export const curveTitles = {
  produce_first: 'produce, first run',
  produce_unchanged: 'produce, unchanged run',
  sink: 'sink',
  replay: 'replay',
  read_back: 'start of produce: keys read back',
} as const;
export type CurveName = keyof typeof curveTitles;

/** One pass over a number of records. */
export interface Pass {
  readonly records: number;
  /** CPU time of the measured process, in seconds. */
  readonly cpu: number;
  readonly seconds: number;
}

export interface Growth extends Provenance {
  /** The passes of each curve, in ascending order of the number of records. */
  readonly passes: Readonly<Record<CurveName, readonly Pass[]>>;
}

/**
 * Returns the CPU time per additional record, computed from the difference between a pass and the
 * next smaller one. The constant cost of starting a process therefore does not count. Omits a pass
 * that cost no more than the smaller one: there, the cost of starting varied by more than the
 * additional records cost.
 */
export function furtherRecords(passes: readonly Pass[]): readonly Point[] {
  const points = passes.slice(1).map((pass, index) => {
    const smaller = passes[index] as Pass;
    return { records: pass.records, us: ((pass.cpu - smaller.cpu) / (pass.records - smaller.records)) * 1e6 };
  });
  return points.filter(({ us }) => us > 0);
}

export function readGrowth(): Growth {
  return JSON.parse(readFileSync(file, 'utf8')) as Growth;
}

/** Returns the SVG of each curve with at least two passes, by file name. */
export function growthCurves({ passes }: Pick<Growth, 'passes'>): ReadonlyMap<string, string> {
  const names = Object.keys(curveTitles) as CurveName[];
  const drawn = names.filter((name) => passes[name].length > 1);
  return new Map(
    drawn.map((name) => [`growth-${name}.svg`, curveSvg(curveTitles[name], furtherRecords(passes[name]))]),
  );
}

export function readCurve(name: string): string {
  return readFileSync(new URL(name, folder), 'utf8');
}

export function writeGrowth(growth: Growth): void {
  writeFileSync(file, `${JSON.stringify(growth, undefined, 2)}\n`);
  for (const [name, svg] of growthCurves(growth)) writeFileSync(new URL(name, folder), svg);
}
