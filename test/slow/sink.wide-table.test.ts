import { test } from 'node:test';
import { assertWide } from '../helpers/wide-table.ts';

test('a table of five thousand columns is created, widened, filled and compared', async (t) => {
  await assertWide(t, { count: 4_900, doc: 'long '.repeat(10) }, { count: 5_000, doc: 'long '.repeat(10) });
});
