/** Returns the query part of the address of the run list. */
export function runsQuery(metric: string, isOnlyProblems: boolean): Record<string, string> {
  return { show: metric, ...(isOnlyProblems && { only: 'problems' }) };
}
