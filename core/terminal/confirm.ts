import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';

/** Returns whether stdin and stderr are terminals, so that the user can answer a question. */
export function canAsk(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}

/** Asks on the terminal. Returns true only for a yes. @throws the signal's reason. */
export async function confirm(question: string, signal: AbortSignal): Promise<boolean> {
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  // readline receives Ctrl-C instead of the process.
  prompt.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  const closed = once(prompt, 'close').then(() => '');
  try {
    const answer = await Promise.race([prompt.question(`${question} [y/N] `, { signal }), closed]);
    return /^y(es)?$/i.test(answer.trim());
  } catch {
    signal.throwIfAborted();
    // Ctrl-D ends the input without an answer.
    return false;
  } finally {
    prompt.close();
  }
}
