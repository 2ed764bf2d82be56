import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Settings } from '../../core/settings/config.ts';
import { createApiServer, type ApiAnswers } from '../helpers/api-server.ts';
import { runCommand } from '../helpers/command.ts';
import { produceStreams, sinkStreams } from '../helpers/pipeline.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';

/** Returns a list with a single page. */
const page = (key: string, ...records: string[]) => `{"${key}":[${records.join(',')}],"has_more":false}`;
const plan = (uuid: string, name = '') => `{"uuid":"${uuid}","name":"${name}"}`;

interface Report {
  readonly equal: boolean;
  readonly streams: Record<
    string,
    {
      equal: boolean;
      dead_letters?: number;
      source?: { equal: boolean; dead_letters: number; missing: number };
    }
  >;
}

test('reconcile shows pending dead letters in a column and exits with 1 unless they are allowed', async (t) => {
  const customer = (uuid: string, more = '') => `{"uuid":"${uuid}","name":"old"${more}}`;
  const nameless = Array.from({ length: 6 }, (_, index) => `{"name":"no key ${index}"}`);
  const answers: Record<string, ApiAnswers[string]> = {
    '/customers': page('entries', customer('cus_1'), customer('cus_2')),
    '/plans': page('plans', plan('pl_1'), ...nameless),
  };
  const { baseUrl } = await createApiServer(t, answers);
  const standard = createSettings(t, baseUrl);
  const modes = new Map([['customers', 'freeze'] as const]);
  const settings: Settings = { ...standard, produce: { ...standard.produce, modes } };
  await produceStreams(settings, 'customers', 'plans');
  answers['/customers'] = page(
    'entries',
    customer('cus_1'),
    customer('cus_2', ',"brand_new":1').replace('old', 'new'),
  );
  const [counts] = await produceStreams(settings, 'customers');
  assert.equal(counts?.deadLettered, 1);
  await sinkStreams(settings);
  const env = environmentOf(settings);
  const run = (...args: string[]) =>
    runCommand(t, 'commands/reconcile.ts', ['--streams', 'customers,plans', ...args], env);
  const [json, allowed] = await Promise.all([
    run('--source', '--json'),
    run('--source', '--allow-dead-letters'),
  ]);
  assert.deepEqual({ json: json.exitCode, allowed: allowed.exitCode }, { json: 1, allowed: 0 }, json.stderr);
  const report = JSON.parse(json.stdout) as Report;
  assert.equal(report.equal, false);
  assert.deepEqual(
    ['customers', 'plans'].map((stream) => {
      const { equal, dead_letters: deadLetters, source } = report.streams[stream] ?? {};
      return [equal, deadLetters, source?.equal, source?.dead_letters, source?.missing];
    }),
    [
      [false, 1, false, 1, 0],
      [false, 6, false, 6, 0],
    ],
  );
  assert.match(allowed.stdout, /^customers +2 +2 +0 +0 +0 +1 +equal$/m);
  assert.match(allowed.stdout, /^plans +7 +1 +0 +0 +0 +6 +equal$/m);
  assert.match(allowed.stdout, /^ {2}dead {5}cus_2$/m);
  // The comparison of topic and table also shows the dead letters of the stream.
  assert.match(allowed.stdout, /^plans +1 +6 +equal +equal$/m);
});
