import { ok, refusal, type Answer } from './answer.ts';
import type { Rendered } from './data/rendered.ts';
import type { Simulator } from './simulator.ts';
import type { Statistics } from './statistics.ts';

/**
 * Answers requests under `/_simulator`, which control the simulator without a key, limits or
 * faults.
 */
export function control(
  simulator: Simulator,
  statistics: Statistics,
  endpoint: string,
  body: unknown,
): Answer {
  if (endpoint === 'GET /_simulator/stats')
    return ok({ revision: simulator.revision, ...statistics.toJSON(), imports: importsOf(simulator) });
  if (endpoint !== 'POST /_simulator/revision')
    return refusal(404, 'Not found: must be GET /_simulator/stats or POST /_simulator/revision');
  const revision =
    typeof body === 'object' && body !== null && 'revision' in body ? body.revision : undefined;
  try {
    simulator.moveTo(Number(revision));
  } catch (error) {
    if (error instanceof RangeError) return refusal(400, error.message, 'revision');
    throw error;
  }
  return ok({ revision: simulator.revision });
}

/**
 * Returns the counts of import requests, of records, and of records that were applied more than
 * once.
 */
function importsOf({ imports: { applied, ...counts } }: Simulator): Rendered {
  const repeats = [...applied.values()].filter((times) => times > 1).length;
  return { ...counts, records: applied.size, records_applied_again: repeats };
}
