import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** The search path, starting with the folder into which `.ci/tools` installs the linters. */
const PATH = `${join(root, '.data/tools/bin')}:${process.env['PATH'] ?? ''}`;

interface Outcome {
  readonly isMissing: boolean;
  readonly status: number | null;
  readonly output: string;
}

function run(program: string, args: readonly string[], input?: string): Outcome {
  const options = { cwd: root, env: { ...process.env, PATH }, encoding: 'utf8', timeout: 120_000 } as const;
  const { error, status, stdout, stderr } = spawnSync(program, args, {
    ...options,
    maxBuffer: 16 * 1024 * 1024,
    ...(input !== undefined && { input }),
  });
  const isMissing = (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
  return { isMissing, status, output: `${error?.message ?? ''}${stdout}${stderr}` };
}

/** Runs a linter. If it is not installed, the test is skipped, except in CI. */
function lint(t: TestContext, program: string, args: readonly string[], input?: string): string | undefined {
  const outcome = run(program, args, input);
  if (outcome.isMissing && process.env['CI'] !== 'true') {
    t.skip(`${program} is missing: run .ci/tools`);
    return undefined;
  }
  assert.equal(outcome.status, 0, `${program} ${args.join(' ')}: ${outcome.output}`);
  return outcome.output;
}

function createFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'deploy-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const read = (path: string) => readFileSync(join(root, path), 'utf8');

test('hadolint accepts the Dockerfile', (t) => {
  lint(t, 'hadolint', ['Dockerfile']);
});

interface ComposeService {
  readonly profiles?: readonly string[];
  readonly container_name?: string;
  readonly ports?: readonly unknown[];
  readonly network_mode?: string;
  readonly deploy?: { readonly replicas?: number };
}

test("Compose's loader accepts docker-compose.yml with its profiles", (t) => {
  const output = lint(t, 'compose-check', ['-no-interpolation', '-format', 'json', 'docker-compose.yml']);
  if (output === undefined) return;
  const { services } = JSON.parse(output) as { services: Record<string, ComposeService> };
  const inProfile = (name: string | undefined) =>
    Object.keys(services).filter((service) => services[service]?.profiles?.[0] === name);
  assert.deepEqual(inProfile(undefined).sort(), ['clickhouse', 'kafka', 'registry']);
  assert.deepEqual(inProfile('pipeline').sort(), ['produce', 'show', 'sink']);
  assert.deepEqual(inProfile('webhook'), ['webhook']);
  assert.deepEqual(inProfile('monitoring').sort(), ['grafana', 'prometheus']);
  // Containers of one service cannot share a name or a port of the machine.
  const { container_name: name, ports, network_mode: network, deploy } = services['sink'] ?? {};
  assert.deepEqual({ name, ports, network }, { name: undefined, ports: undefined, network: undefined });
  assert.equal(deploy?.replicas, 2);
});

test('promtool accepts the configuration of Prometheus', (t) => {
  lint(t, 'promtool', ['check', 'config', 'deploy/monitoring/prometheus.yml']);
});

const dashboard = read('deploy/monitoring/grafana/dashboards/chartmogul.json');

test("promtool accepts every query of Grafana's dashboard", (t) => {
  const queries = [...dashboard.matchAll(/"expr": ("(?:[^"\\]|\\.)*")/g)].map(
    ([, text = '""']) => JSON.parse(text) as string,
  );
  assert.ok(queries.length > 15);
  const rules = queries.map((query, index) => ({
    record: `query_${index}`,
    expr: query.replaceAll('$__rate_interval', '5m').replaceAll('$stream', '.*'),
  }));
  const file = join(createFolder(t), 'rules.yml');
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
  lint(t, 'promtool', ['check', 'rules', file]);
});

test("Grafana's dashboard conforms to the type in Grafana's schema", (t) => {
  const file = join(root, '.data', `dashboard-${process.pid}.ts`);
  t.after(() => rmSync(file, { force: true }));
  const literal = dashboard.replaceAll('"mode": "absolute"', '"mode": ThresholdsMode.Absolute');
  writeFileSync(
    file,
    `import { type Dashboard, ThresholdsMode } from '@grafana/schema';\nexport const dashboard: Dashboard = ${literal};\n`,
  );
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const flags = ['--ignoreConfig', '--noEmit', '--strict', '--module', 'nodenext', '--skipLibCheck', file];
  const { status, output } = run(process.execPath, [tsc, ...flags]);
  assert.equal(status, 0, output);
});

/**
 * The oldest and the newest version that we support and whose schemas `kubernetes-validate` ships.
 */
const kubernetes = ['1.28.0', '1.37.0'];

for (const variant of ['base', 'hpa', 'cronjob', 'webhook']) {
  test(`kubeconform accepts the manifests that kustomize builds from ${variant}`, (t) => {
    const manifests = lint(t, 'kustomize', ['build', `deploy/kubernetes/${variant}`]);
    if (manifests === undefined) return;
    assert.match(manifests, /^kind: NetworkPolicy$/m);
    for (const version of kubernetes) {
      const schemas = join(schemasOf(t, version), '{{ .ResourceKind }}{{ .KindSuffix }}.json');
      const flags = ['-strict', '-kubernetes-version', version, '-schema-location', schemas, '-'];
      lint(t, 'kubeconform', flags, manifests);
    }
  });
}

/** Returns a folder of strict schemas that refer to each other by file instead of by address. */
function schemasOf(t: TestContext, version: string): string {
  const [packages] = readdirSync(join(root, '.data/tools/python/lib'));
  const within = `site-packages/kubernetes_validate/kubernetes-json-schema/v${version}-local-strict`;
  const source = join(root, '.data/tools/python/lib', packages ?? '', within);
  const folder = createFolder(t);
  const kinds =
    /^(?:_definitions|(?:configmap|service|deployment|cronjob|networkpolicy|poddisruptionbudget|horizontalpodautoscaler)-.*)\.json$/;
  for (const name of readdirSync(source).filter((file) => kinds.test(file))) {
    const text = readFileSync(join(source, name), 'utf8').replaceAll(
      '/api/_definitions.json',
      '_definitions.json',
    );
    const own = new Set(['$id', 'id', '$schema']);
    const schema = Object.entries(JSON.parse(text) as object).filter(([key]) => !own.has(key));
    writeFileSync(join(folder, name), JSON.stringify(Object.fromEntries(schema)));
  }
  return folder;
}

test('systemd-analyze accepts the units', (t) => {
  const folder = createFolder(t);
  const units = readdirSync(join(root, 'deploy/systemd')).filter((name) => /\.(?:service|timer)$/.test(name));
  assert.equal(units.length, 5);
  for (const name of units) {
    // Node may be installed elsewhere on this machine.
    const text = read(`deploy/systemd/${name}`).replaceAll('/usr/bin/node', process.execPath);
    writeFileSync(join(folder, name), text);
  }
  const output = lint(t, 'systemd-analyze', ['verify', ...units.map((name) => join(folder, name))]);
  // systemd-analyze only warns about an unknown setting.
  if (output !== undefined) assert.doesNotMatch(output, /chartmogul/, output);
});

test('actionlint accepts the workflows', (t) => {
  lint(t, 'actionlint', ['deploy/github-actions/pipeline.yml', '.github/workflows/ci.yml']);
});
