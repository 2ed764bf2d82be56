/** Live counts of a schedule, for metrics. */
export class ScheduleCounts {
  /**
   * Number of scheduled times at which no run began, because a run was active or the host slept.
   */
  missedRuns = 0;
  /** The time at which the next run is due; undefined during a run and without a schedule. */
  nextRun: Date | undefined;
}
