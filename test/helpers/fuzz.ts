import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import fc from 'fast-check';
import { EtlError, messageOf } from '../../core/errors.ts';

/** How long each property is tested. */
const TRY_MS = 8_000;
/** The memory limit of the process. Only unbounded allocation exceeds it. */
const MAX_RSS_MIB = 1_500;
const MAX_MESSAGE = 2_000;

/** One seed for all tests in a run. `FUZZ_SEED=… npm run test:slow -- fuzz` repeats the run. */
const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);

/** Runs a property for `TRY_MS`. A failure is shrunk and printed with its seed. */
export async function fuzz<T>(
  t: TestContext,
  inputs: fc.Arbitrary<T>,
  isWell: (input: T) => Promise<void> | void,
): Promise<void> {
  t.diagnostic(`FUZZ_SEED=${seed}`);
  let runs = 0;
  const property = fc.asyncProperty(inputs, async (input) => {
    runs++;
    await isWell(input);
  });
  await fc.assert(property, {
    seed,
    numRuns: 1_000_000,
    interruptAfterTimeLimit: TRY_MS,
    markInterruptAsFailure: false,
  });
  t.diagnostic(`${runs} inputs`);
  const rss = process.memoryUsage.rss() / 2 ** 20;
  assert.ok(rss < MAX_RSS_MIB, `the process uses ${Math.round(rss)} MiB`);
}

/** Asserts that the error is an EtlError whose message is one clear line without a secret. */
export function assertClear(error: unknown, secrets: readonly string[] = []): asserts error is EtlError {
  assert.ok(error instanceof EtlError, error instanceof Error ? error.stack : String(error));
  const message = messageOf(error);
  assert.ok(
    message !== '' && message.length <= MAX_MESSAGE,
    `${message.length} characters: ${message.slice(0, 300)}`,
  );
  assert.doesNotMatch(message, /[\p{Cc}\u2028-\u202e\u2066-\u2069]/u);
  for (const secret of secrets) assert.ok(!message.includes(secret), message);
}

type Mutation = readonly [kind: 'set' | 'insert' | 'delete' | 'repeat' | 'cut', at: number, value: number];

const mutations: fc.Arbitrary<readonly Mutation[]> = fc.array(
  fc.tuple(
    fc.constantFrom('set', 'set', 'insert', 'delete', 'repeat', 'cut'),
    fc.nat(),
    fc.oneof(fc.constantFrom(0, 1, 127, 128, 254, 255), fc.nat(255)),
  ),
  { maxLength: 6 },
);

/**
 * Generates the given bytes with up to six mutations: bytes are set, inserted, deleted, repeated or
 * cut off.
 */
export function mutated(bytes: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  return fc.tuple(bytes, mutations).map(([whole, all]) => {
    let now = whole;
    for (const [kind, place, value] of all) {
      const at = now.length === 0 ? 0 : place % now.length;
      const [before, after] = [now.subarray(0, at), now.subarray(at)];
      if (kind === 'cut') now = before;
      else if (kind === 'delete') now = Buffer.concat([before, after.subarray(value)]);
      else if (kind === 'repeat') now = Buffer.concat([before, after.subarray(0, value), after]);
      else now = Buffer.concat([before, Buffer.of(value), after.subarray(kind === 'set' ? 1 : 0)]);
    }
    return now;
  });
}
