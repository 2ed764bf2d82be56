import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { commandList } from '../../../commands/command-list.ts';
import { createSinkMetrics } from '../../../consumers/report/sink-metrics.ts';
import { isSettingName } from '../../../core/settings/definitions.ts';
import { ProducerMetrics } from '../../../producers/report/producer-metrics.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const read = (path: string) => readFileSync(`${root}${path}`, 'utf8');
const filesOf = (folder: string) =>
  readdirSync(`${root}${folder}`, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(root.length));

/** Patterns that match the variables that the files set for the project's own commands. */
const settingsIn: Readonly<Record<string, RegExp>> = {
  'deploy/kubernetes': /^([A-Z_]+)=|name: ([A-Z_]+),/gm,
  'deploy/systemd': /^(?:Environment=)?([A-Z_]+)=/gm,
  'deploy/github-actions': /^ {6,10}([A-Z_]+): (?!.*inputs)/gm,
};

for (const [folder, pattern] of Object.entries(settingsIn)) {
  test(`every setting in ${folder} exists`, () => {
    const names = filesOf(folder).flatMap((file) =>
      [...read(file).matchAll(pattern)].map(([, first, second]) => first ?? second ?? ''),
    );
    assert.ok(names.length > 4);
    for (const name of names) assert.ok(isSettingName(name), name);
  });
}

test('every pipeline setting in docker-compose.yml exists', () => {
  const [, environment = ''] =
    /x-environment: &environment\n((?: {2}.*\n)+)/.exec(read('docker-compose.yml')) ?? [];
  const names = [...environment.matchAll(/^ {2}([A-Z_]+):/gm)].map(([, name = '']) => name);
  assert.ok(names.length > 4);
  for (const name of names) assert.ok(isSettingName(name), name);
});

test('every command that a deployment starts exists', () => {
  const texts = ['docker-compose.yml', ...filesOf('deploy/kubernetes'), ...filesOf('deploy/systemd')].map(
    read,
  );
  const commands = texts.flatMap((text) =>
    [...text.matchAll(/(?:^ +(?:args|command): \[|chartmogul-clickhouse )([a-z-]+)(?=[\],\n])/gm)].map(
      ([, name = '']) => name,
    ),
  );
  assert.ok(commands.length > 8, commands.join());
  for (const name of commands) assert.ok(name in commandList, name);
});

test('every metric in the Grafana dashboard exists', () => {
  const known = new Set(
    [createSinkMetrics([]), new ProducerMetrics([]).registry]
      .flatMap((registry) => registry.getMetricsAsArray())
      .map(({ name }) => name),
  );
  const text = read('deploy/monitoring/grafana/dashboards/chartmogul.json');
  const names = [...text.matchAll(/chartmogul_(?:sink|produce)_\w+/g)].map(([name]) => name);
  assert.ok(names.length > 15);
  for (const name of names) assert.ok(known.has(name), name);
});

test('the panels of the Grafana dashboard have unique ids and do not overlap', () => {
  const { panels } = JSON.parse(read('deploy/monitoring/grafana/dashboards/chartmogul.json')) as {
    panels: { id: number; gridPos: { x: number; y: number; w: number; h: number } }[];
  };
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  const taken = new Set<string>();
  for (const { gridPos: at } of panels) {
    assert.ok(at.x + at.w <= 24);
    for (let x = at.x; x < at.x + at.w; x++) {
      for (let y = at.y; y < at.y + at.h; y++) {
        assert.ok(!taken.has(`${x},${y}`), `${x},${y}`);
        taken.add(`${x},${y}`);
      }
    }
  }
});
