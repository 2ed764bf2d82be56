import { groupProblems } from '../../../operations/status/attention.ts';
import type { Problem } from '../../../operations/status/problem.ts';
import type { ProblemLine } from '../../api/problem.ts';

/** Returns one line per cause, in the order of the problems. */
export function problemLines(problems: readonly Problem[]): ProblemLine[] {
  return groupProblems(problems).map(({ severity, kind, about, message, remedy, problems: [first] }) => ({
    ...{ severity, kind, about, message, remedy },
    run: first?.kind === 'failed' ? first.run : undefined,
  }));
}
