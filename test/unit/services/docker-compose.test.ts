import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { devNull, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { describe, test } from 'node:test';
import { loadSettings } from '../../../core/settings/config.ts';
import { dockerHost, parseContainers } from '../../../services/docker-host.ts';
import { serviceNames } from '../../../services/service.ts';

const composeFile = readFileSync(new URL('../../../docker-compose.yml', import.meta.url), 'utf8');

/** Returns the indented lines under a key, up to the next key at the same or an outer level. */
function block(text: string, key: string, indent: number): string {
  const margin = ' '.repeat(indent);
  const lines = text.split('\n');
  const start = lines.indexOf(`${margin}${key}:`);
  assert.ok(start >= 0, `docker-compose.yml has no ${key}`);
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => line.trim() !== '' && !line.startsWith(`${margin} `));
  return rest.slice(0, end < 0 ? rest.length : end).join('\n');
}

const service = (name: string) => block(block(composeFile, 'services', 0), name, 2);

describe('docker-compose.yml', () => {
  for (const name of serviceNames) {
    test(`pins the image of ${name} to an exact version and a digest`, () => {
      assert.match(service(name), /^ {4}image: \S+:\d+\.\d+\.\d+(\.\d+)?@sha256:[0-9a-f]{64}$/m);
    });

    test(`publishes ${name} on the loopback interface only`, () => {
      const ports = block(service(name), 'ports', 4).trimEnd().split('\n');
      assert.ok(ports.length > 0);
      for (const port of ports) assert.match(port, /^ +- '127\.0\.0\.1:\$\{[A-Z_]+_PORT:-\d+\}:\d+'$/);
    });

    test(`checks whether ${name} is healthy, and limits its memory`, () => {
      assert.match(block(service(name), 'healthcheck', 4), /test: \['CMD',/);
      assert.match(service(name), /^ {4}mem_limit: \d+[mg]$/m);
    });
  }

  test('keeps the data of Kafka and ClickHouse in declared volumes', () => {
    for (const name of ['kafka', 'clickhouse']) {
      assert.match(block(service(name), 'volumes', 4), new RegExp(`- ${name}:/var/lib/`));
      assert.match(block(composeFile, 'volumes', 0), new RegExp(`^ {2}${name}:$`, 'm'));
    }
  });

  test('advertises different Kafka addresses to the host and to the other containers', () => {
    assert.match(
      service('kafka'),
      /ADVERTISED_LISTENERS: HOST:\/\/127\.0\.0\.1:\$\{KAFKA_PORT:-9092\},INSIDE:\/\/kafka:19092$/m,
    );
    assert.match(service('registry'), /BOOTSTRAP_SERVERS: PLAINTEXT:\/\/kafka:19092$/m);
  });
});

test('ClickHouse in a container has a password, which the commands use', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'docker-'));
  const { PATH } = process.env;
  t.after(() => {
    process.env['PATH'] = PATH;
    rmSync(folder, { recursive: true, force: true });
  });
  const script = `#!/bin/sh\ncase "$*" in *" up "*) echo "$CLICKHOUSE_USERNAME $CLICKHOUSE_PASSWORD" > "${folder}/seen";; esac\n`;
  writeFileSync(join(folder, 'docker'), script, { mode: 0o700 });
  process.env['PATH'] = `${folder}${delimiter}${PATH ?? ''}`;
  const load = (env = {}) => loadSettings({ DATA_DIR: folder, ...env }, devNull);
  const seenBy = async (env = {}) => {
    await dockerHost(load(env), folder).start(AbortSignal.timeout(20_000));
    return readFileSync(join(folder, 'seen'), 'utf8').trim();
  };
  for (const env of [{}, { CLICKHOUSE_USERNAME: 'default' }]) {
    const seen = await seenBy(env);
    const { credentials } = load(env).clickhouse;
    assert.equal(seen, `${credentials?.username} ${credentials?.password.reveal()}`);
    assert.match(seen, /^(local|default) \S{20,}$/);
  }
  const given = { CLICKHOUSE_USERNAME: 'me', CLICKHOUSE_PASSWORD: 'mine' };
  assert.equal(await seenBy(given), 'me mine');
  assert.match(service('clickhouse'), /CLICKHOUSE_PASSWORD: \$\{CLICKHOUSE_PASSWORD:\?/);
});

test('parseContainers accepts one JSON object per line, or one array', () => {
  const container = { Name: 'a-kafka-1', Service: 'kafka', State: 'running', Health: 'healthy' };
  assert.deepEqual(parseContainers(`${JSON.stringify(container)}\n${JSON.stringify(container)}\n`), [
    container,
    container,
  ]);
  assert.deepEqual(parseContainers(JSON.stringify([container])), [container]);
  assert.deepEqual(parseContainers(''), []);
});
