import { adviceOf, type Advice } from '../../core/remedy.ts';
import type { Problem, StreamProblem } from './problem.ts';
import { deadLettersText, stalledText } from './problems.ts';
import type { Status } from './stream-status.ts';

/** The order of stream problems: failures first. */
const urgency: Readonly<Record<StreamProblem['kind'], number>> = {
  failed: 0,
  stalled: 1,
  'dead-letters': 2,
  stale: 3,
};

/**
 * Returns everything that needs attention: services and queries that failed, then problems of
 * streams, then risks.
 */
export function attentionOf({ streams, warnings, failures }: Status): readonly Problem[] {
  const problems = streams.flatMap((stream) => stream.problems);
  return [
    ...failures.map((text) => ({ kind: 'service', severity: 'failure', ...adviceOf(text) }) as const),
    ...problems.toSorted((a, b) => urgency[a.kind] - urgency[b.kind]),
    ...warnings.map(
      ({ kind, about, stream, message }) =>
        ({ kind, severity: 'warning', about, stream, ...adviceOf(message) }) as const,
    ),
  ];
}

/** Problems that share a cause. */
export interface ProblemGroup extends Advice {
  readonly kind: Problem['kind'];
  readonly severity: Problem['severity'];
  /** Streams for a problem of streams; topics, tables or views for a risk; empty for a failure. */
  readonly about: readonly string[];
  /** The problems of the group, of which there is at least one. */
  readonly problems: readonly Problem[];
}

/**
 * Returns one group per cause, in the order of the problems. The message of a group states the sum
 * of the amounts, or the greatest age.
 */
export function groupProblems(problems: readonly Problem[]): ProblemGroup[] {
  const groups = new Map<string, [Problem, ...Problem[]]>();
  for (const problem of problems) {
    const cause = causeOf(problem);
    const group = groups.get(cause);
    if (group === undefined) groups.set(cause, [problem]);
    else group.push(problem);
  }
  return [...groups.values()].map((group) => {
    const [{ kind, severity }] = group;
    return { kind, severity, about: group.flatMap(subjectOf), problems: group, ...adviceOfAll(group) };
  });
}

/** Returns text that is the same for all problems with the same cause. */
function causeOf({ kind, message, remedy = '' }: Problem): string {
  // Messages of these kinds differ only in an amount or a name.
  const isAlike = ['stalled', 'dead-letters', 'stale', 'no-topic'].includes(kind);
  return isAlike ? kind : JSON.stringify([kind, message, remedy]);
}

function subjectOf(problem: Problem): readonly string[] {
  if (problem.severity === 'failure') return [];
  return [problem.severity === 'problem' ? problem.stream : problem.about];
}

function adviceOfAll(group: readonly [Problem, ...Problem[]]): Advice {
  const [{ kind, message, remedy }] = group;
  if (group.length === 1) return { message, remedy };
  if (kind === 'stalled') {
    const lag = group.reduce((sum, problem) => sum + (problem.kind === 'stalled' ? problem.lag : 0n), 0n);
    return { message: stalledText(lag), remedy };
  }
  if (kind === 'dead-letters') {
    const count = group.reduce((sum, one) => sum + (one.kind === 'dead-letters' ? one.count : 0), 0);
    return { message: deadLettersText(count), remedy: '`npm run dead-letters -- list`' };
  }
  if (kind === 'no-topic')
    return { message: `${group.length} tables have no topic, so they cannot be rebuilt`, remedy };
  if (kind === 'stale') {
    const ages = group.flatMap((one) => (one.kind === 'stale' ? [one] : []));
    const oldest = ages.reduce((old, one) => (one.finishedAtMs < old.finishedAtMs ? one : old));
    return { message: oldest.message, remedy };
  }
  return { message, remedy };
}
