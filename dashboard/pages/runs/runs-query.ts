/** Returns the query of the address of the list of runs. */
export function runsQuery(metric: string, isOnlyProblems: boolean): Record<string, string> {
  return { show: metric, ...(isOnlyProblems && { only: 'problems' }) };
}
