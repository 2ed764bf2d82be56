/** Returns the query parameters for a link to the run list. */
export function runsQuery(metric: string, isOnlyProblems: boolean): Record<string, string> {
  return { show: metric, ...(isOnlyProblems && { only: 'problems' }) };
}
