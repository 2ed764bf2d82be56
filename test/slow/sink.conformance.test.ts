import { test } from 'node:test';
import { readScripts } from '../fixtures/conformance-script.ts';
import { playScripts } from '../helpers/conformance.ts';
import { createSettings } from '../helpers/settings.ts';

test('the table matches the topic after each conformance script', async (t) => {
  const verdicts = await playScripts(t, createSettings(t), readScripts());
  for (const [{ behaviour }, verdict] of verdicts) {
    await t.test(behaviour, () => {
      if (verdict !== undefined) throw verdict;
    });
  }
});
