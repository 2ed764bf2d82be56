import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { curveSvg } from '../../../benchmarks/curve-svg.ts';
import { furtherRecords, growthCurves, readCurve, readGrowth } from '../../../benchmarks/growth-results.ts';

test('each committed curve matches the committed figures and appears in docs/performance.md', () => {
  const page = readFileSync(new URL('../../../docs/performance.md', import.meta.url), 'utf8');
  const curves = growthCurves(readGrowth());
  assert.notEqual(curves.size, 0);
  for (const [name, svg] of curves) {
    assert.equal(readCurve(name), svg, `${name}: run npm run bench -- growth`);
    assert.ok(page.includes(`(../benchmarks/results/${name})`), `docs/performance.md does not show ${name}`);
  }
});

test('a curve shows the cost per additional record, without the start-up cost', () => {
  const passes = [
    { records: 1_000, cpu: 1.001, seconds: 2 },
    { records: 11_000, cpu: 1.021, seconds: 2 },
  ];
  const cheaper = { records: 21_000, cpu: 1.02, seconds: 2 };
  const points = furtherRecords([...passes, cheaper]);
  assert.deepEqual(
    points.map(({ records, us }) => [records, us.toFixed(3)]),
    [[11_000, '2.000']],
  );
});

test('a curve escapes its title and labels its axes and points', () => {
  const svg = curveSvg('a < b & c', [
    { records: 10_000, us: 2 },
    { records: 2_500_000, us: 2.345 },
  ]);
  for (const text of [
    'a &#60; b &#38; c',
    '>10 k<',
    '>2.5 M<',
    '>2.35<',
    '>records (logarithmic)<',
    'prefers-color-scheme: dark',
  ])
    assert.ok(svg.includes(text), text);
});
