/** `GET /api/mrr?months=12|24|all`: the report as JSON. */
export type { LargeMovement, MrrMonth, MrrReport as MrrAnswer } from '../../operations/mrr/mrr-report.ts';
