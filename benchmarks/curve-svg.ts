/** A point of a curve: the number of records, and the CPU time per record in µs. */
export interface Point {
  readonly records: number;
  readonly us: number;
}

const [WIDTH, HEIGHT] = [640, 300];
const [LEFT, RIGHT, TOP, BOTTOM] = [64, 16, 44, 52];
const TICKS = 5;
/** The height of the axis relative to the highest point or the band. */
const HEADROOM = 1.25;
const BAND = 0.2;

const style = `<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.title { font-weight: 600; font-size: 15px; }
.axis { stroke: #59636e; } .grid { stroke: #d1d9e0; }
.line { stroke: #0969da; stroke-width: 2; fill: none; } .dot { fill: #0969da; } .band { fill: #0969da; opacity: 0.1; }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc; } .axis { stroke: #9198a1; } .grid { stroke: #3d444d; }
.line { stroke: #4493f8; } .dot { fill: #4493f8; } .band { fill: #4493f8; }
}
</style>`;

/**
 * Returns a curve as an SVG that is readable on light and dark pages. The x-axis (number of
 * records) is logarithmic, and the y-axis (µs per record) starts at 0. A band marks ±20% around the
 * first point.
 */
export function curveSvg(title: string, points: readonly Point[]): string {
  const [first] = points;
  const last = points.at(-1);
  if (first === undefined || last === undefined) throw new RangeError('a curve requires at least one point');
  const [from, to] = [Math.log10(first.records), Math.log10(last.records)];
  const highest = Math.max(...points.map(({ us }) => us), first.us * (1 + BAND)) * HEADROOM;
  const step = niceStep(highest / TICKS);
  const x = (records: number) => {
    const share = to === from ? 0.5 : (Math.log10(records) - from) / (to - from);
    return fixed(LEFT + 8 + share * (WIDTH - LEFT - RIGHT - 32));
  };
  const y = (us: number) => fixed(HEIGHT - BOTTOM - (us / highest) * (HEIGHT - TOP - BOTTOM));
  const bottom = HEIGHT - BOTTOM;
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${escaped(title)}">`,
    style,
    `<text class="title" x="${LEFT}" y="22">${escaped(title)}</text>`,
  ];
  for (let us = 0; us <= highest; us += step) {
    lines.push(`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(us)}" y2="${y(us)}"/>`);
    lines.push(
      `<text x="${LEFT - 8}" y="${y(us) + 4}" text-anchor="end">${Number(us.toPrecision(6))}</text>`,
    );
  }
  const [bandTop, bandBottom] = [y(first.us * (1 + BAND)), y(first.us * (1 - BAND))];
  lines.push(
    `<rect class="band" x="${LEFT}" y="${bandTop}" width="${WIDTH - LEFT - RIGHT}" height="${fixed(bandBottom - bandTop)}"/>`,
    `<line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${bottom}" y2="${bottom}"/>`,
    `<line class="axis" x1="${LEFT}" x2="${LEFT}" y1="${TOP - 8}" y2="${bottom}"/>`,
    `<polyline class="line" points="${points.map(({ records, us }) => `${x(records)},${y(us)}`).join(' ')}"/>`,
  );
  for (const { records, us } of points) {
    lines.push(`<circle class="dot" cx="${x(records)}" cy="${y(us)}" r="4"/>`);
    lines.push(
      `<text x="${x(records)}" y="${bottom + 20}" text-anchor="middle">${countText(records)}</text>`,
    );
    lines.push(
      `<text x="${x(records)}" y="${y(us) - 10}" text-anchor="middle">${Number(us.toPrecision(3))}</text>`,
    );
  }
  lines.push(
    `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 10}" text-anchor="middle">records (logarithmic)</text>`,
    `<text transform="translate(16 ${(TOP + bottom) / 2}) rotate(-90)" text-anchor="middle">µs of CPU per record</text>`,
    '</svg>\n',
  );
  return lines.join('\n');
}

/**
 * Returns the smallest number of the form 1, 2 or 5 times a power of ten that is at least `least`.
 */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least) ?? power * 10;
}

function countText(records: number): string {
  if (records >= 1e6) return `${Number((records / 1e6).toPrecision(3))} M`;
  return records >= 1e3 ? `${Number((records / 1e3).toPrecision(3))} k` : String(records);
}

function fixed(value: number): number {
  return Number(value.toFixed(1));
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
