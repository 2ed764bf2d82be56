import assert from 'node:assert/strict';
import type { RunningCommand } from './command.ts';

const WITHIN_MS = 10_000;

/**
 * Sends the signal and returns the result. Asserts that the process ends within 10 s, without a
 * stack trace.
 */
export async function stopCommand(command: RunningCommand, signal: NodeJS.Signals = 'SIGTERM') {
  const startMs = performance.now();
  command.kill(signal);
  const result = await command.result;
  const ms = performance.now() - startMs;
  assert.ok(ms < WITHIN_MS, `the command took ${ms} ms to stop`);
  assert.doesNotMatch(result.stderr, /\n {4}at /, 'stderr contains a stack trace');
  return result;
}
