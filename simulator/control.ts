import { ok, refusal, type Answer } from './answer.ts';
import type { Simulator } from './simulator.ts';
import type { Statistics } from './statistics.ts';

/** Answers addresses under `/_simulator`, which control it: no key, no limits, no faults. */
export function control(
  simulator: Simulator,
  statistics: Statistics,
  endpoint: string,
  body: unknown,
): Answer {
  if (endpoint === 'GET /_simulator/stats')
    return ok({ revision: simulator.revision, ...statistics.toJSON() });
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
