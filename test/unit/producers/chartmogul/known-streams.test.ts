import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError } from '../../../../core/errors.ts';
import { loadSettings, type DriftMode, type Settings } from '../../../../core/settings/config.ts';
import { streams } from '../../../../producers/chartmogul/streams.ts';
import { chooseStreams, knownStreams } from '../../../../producers/chartmogul/known-streams.ts';

const { produce } = loadSettings({}, '');
const creditNotes = { name: 'credit_notes', path: '/credit_notes', primaryKey: 'uuid' };
const refunds = {
  name: 'refunds',
  path: '/activities/{id}/refunds',
  primaryKey: 'uuid',
  parent: { stream: 'customer_activities', field: 'id' },
};

function known(customStreams: readonly unknown[] = [], modes: readonly [string, DriftMode][] = []) {
  const settings: Pick<Settings, 'produce'> = {
    produce: { ...produce, customStreams, modes: new Map(modes) },
  };
  return knownStreams(settings);
}
const choose = (list: string | undefined, specs = known()) =>
  chooseStreams(specs, list).map(({ name }) => name);
const names = streams.map(({ name }) => name);

test('the streams of the settings file follow the built-in ones', () => {
  assert.deepEqual(known(), streams);
  assert.deepEqual(
    known([creditNotes, refunds]).map(({ name }) => name),
    [...names, 'credit_notes', 'refunds'],
  );
});

test('all streams are chosen if no list is given', () => {
  assert.deepEqual(choose(undefined), names);
});

test('each stream is chosen once and in run order, whatever the order of the list', () => {
  assert.deepEqual(choose('account, plans ,customers,plans'), ['customers', 'plans', 'account']);
});

const withParents: readonly (readonly [string, readonly string[]])[] = [
  ['customer_subscriptions', ['customers', 'customer_subscriptions']],
  ['plan_group_plans,customers', ['customers', 'plan_groups', 'plan_group_plans']],
  ['refunds', ['customers', 'customer_activities', 'refunds']],
];
for (const [list, chosen] of withParents) {
  test(`choosing ${list} also chooses its parents and their parents`, () => {
    assert.deepEqual(choose(list, known([creditNotes, refunds])), chosen);
  });
}

test('STREAM_MODES accepts any known stream', () => {
  assert.equal(
    known(
      [creditNotes],
      [
        ['credit_notes', 'freeze'],
        ['invoices', 'discard'],
      ],
    ).length,
    names.length + 1,
  );
});

const refused: readonly (readonly [string, () => unknown, RegExp])[] = [
  [
    'a list with an unknown stream',
    () => choose('plans,plants'),
    /^--streams got "plants": did you mean plans\?$/,
  ],
  ['an empty list', () => choose(''), /^--streams must be one of account, activities, .*; got ""$/],
  ['a list with a stray comma', () => choose('plans,'), /^--streams must be one of account, .*; got ""$/],
  [
    'a mode for an unknown stream',
    () => known([], [['plants', 'freeze']]),
    /^STREAM_MODES got "plants": did you mean plans\?$/,
  ],
  [
    'a long list with an unknown stream',
    () => choose('x'.repeat(5000)),
    /^--streams must be one of .*; got "x{200}…"$/,
  ],
];
for (const [what, choosing, message] of refused) {
  test(`${what} is rejected with a one-line error`, () => {
    assert.throws(choosing, (error) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /[\n\r]/);
      return true;
    });
  });
}

test('the error also suggests the streams of the settings file', () => {
  assert.throws(() => choose('credit_note', known([creditNotes])), /: did you mean credit_notes\?$/);
});

test('an invalid stream in the settings file is rejected', () => {
  assert.throws(() => known([{ ...creditNotes, name: 'plans' }]), ConfigError);
});
