import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { createSinkMetrics } from '../../../consumers/report/sink-metrics.ts';
import { ProducerMetrics } from '../../../producers/report/producer-metrics.ts';
import { WebhookMetrics } from '../../../producers/webhook/webhook-metrics.ts';

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const rules = read('deploy/monitoring/alerts.yml')
  .split(/^ {6}- alert: /m)
  .slice(1);
const runbook = read('docs/operate.md').split('## Runbook\n')[1]?.split(/^### /m).slice(1) ?? [];

interface Alert {
  readonly name: string;
  readonly expression: string;
  readonly text: string;
}

const alerts: readonly Alert[] = rules.map((text) => ({
  name: /^\w+/.exec(text)?.[0] ?? '',
  expression: /^ {8}expr: (?:>-\n((?: {10}.*\n)+)|(.*)\n)/m.exec(text)?.slice(1).join('') ?? '',
  text,
}));

/** The metrics that Prometheus itself records about each scrape. */
const metricsOfPrometheus = ['up'];
const functions = new Set([
  'absent',
  'and',
  'by',
  'changes',
  'delta',
  'increase',
  'on',
  'rate',
  'sum',
  'time',
]);

/** Returns the names of the metrics in an expression. */
function metricsOf(expression: string): string[] {
  const bare = expression
    .replace(/\{[^}]*\}|\[[^\]]*\]/g, '')
    .replace(/\b(?:by|on) \([^)]*\)/g, '')
    .matchAll(/[a-z_]\w*/g);
  return [...bare].map(([word]) => word).filter((word) => !functions.has(word));
}

function metricsOfTheCode(): Set<string> {
  const ofProcess = new Registry();
  collectDefaultMetrics({ register: ofProcess });
  const webhook = new WebhookMetrics(() => 0).registry;
  const registries = [new ProducerMetrics([]).registry, createSinkMetrics([]), webhook, ofProcess];
  const names = registries.flatMap((registry) => registry.getMetricsAsArray().map(({ name }) => name));
  return new Set([...names, ...metricsOfPrometheus]);
}

test('every alert uses only metrics that the code exports', () => {
  const known = metricsOfTheCode();
  assert.ok(alerts.length > 10);
  for (const { name, expression } of alerts) {
    const used = metricsOf(expression);
    assert.notEqual(used.length, 0, name);
    for (const metric of used) assert.ok(known.has(metric), `${name} uses the unknown metric ${metric}`);
  }
});

test('every alert has a runbook entry, and every runbook entry has an alert', () => {
  const entries = runbook.map((text) => /^\w+/.exec(text)?.[0]);
  assert.deepEqual(
    entries,
    alerts.map(({ name }) => name),
  );
  assert.match(read('docs/operate.md'), new RegExp(`holds ${alerts.length} alerts`));
});

for (const [index, { name, text }] of alerts.entries()) {
  test(`${name} has a severity, a summary and a link to its runbook entry`, () => {
    assert.match(text, /^ {10}severity: (?:critical|warning|info)$/m);
    assert.match(text, /^ {10}summary: \S/m);
    assert.ok(text.includes(`          runbook: docs/operate.md#${name.toLowerCase()}\n`));
  });

  test(`the runbook entry of ${name} has an explanation, a first command and a remedy`, () => {
    const entry = runbook[index] ?? '';
    assert.match(entry, /^\w+\n\n[A-Z][^]*\n\n```sh\nnpm run [^\n]+\n```\n\n\*\*Remedy\*\*: \S/);
  });

  test(`promtool tests expect ${name} to be silent in one case and to fire in another`, () => {
    const cases = read('deploy/monitoring/alerts.test.yml')
      .split(/^ {6}- eval_time: /m)
      .filter((part) => part.includes(`alertname: ${name}\n`));
    assert.ok(cases.some((part) => part.includes('exp_alerts: []')));
    assert.ok(cases.some((part) => part.includes('- exp_labels:')));
  });
}
