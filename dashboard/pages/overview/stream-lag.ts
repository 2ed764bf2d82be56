import type { StreamLine } from '../../api/overview.ts';
import type { Rates } from '../../api/rates.ts';

/** Returns the lag from the latest rates; if they do not contain it, from the latest status. */
export function lagOf({ stream, lag }: StreamLine, rates: Rates | undefined): number | null | undefined {
  return rates?.streams[stream]?.lag ?? lag;
}
