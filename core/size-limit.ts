import pLimit from 'p-limit';

const MIB = 1024 * 1024;

/** The default of MAX_DECODED_MIB. */
export const MAX_DECODED_MIB = 128;

let limitMib = MAX_DECODED_MIB;

/** A record batch or a body has more bytes than {@link sizeLimit}. */
export class TooLargeError extends Error {
  constructor(what = '') {
    super(`${what}more than ${limitMib} MiB (MAX_DECODED_MIB)`);
    this.name = new.target.name;
  }
}

/** Sets {@link sizeLimit} for this process: whatever is decoded in it shares one memory. */
export function setSizeLimit(mib: number): void {
  limitMib = mib;
}

/** The most bytes that one record batch, or one body that is read whole, may have once it is decompressed. */
export function sizeLimit(): number {
  return limitMib * MIB;
}

/** Decompresses one thing at a time: several that reach the limit at once would need its multiple. */
export const inTurn = pLimit(1);
