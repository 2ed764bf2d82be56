import type { StreamLine } from '../../api/overview.ts';
import type { Rates } from '../../api/rates.ts';

/** Returns the lag from the newest offsets; if there are none, from the last status. */
export function lagOf({ stream, lag }: StreamLine, rates: Rates | undefined): number | null | undefined {
  return rates?.streams[stream]?.lag ?? lag;
}
