import pLimit from 'p-limit';

const MIB = 1024 * 1024;

export const MAX_DECODED_MIB = 128;

let limitMib = MAX_DECODED_MIB;

export class TooLargeError extends Error {
  constructor(what = '') {
    super(`${what}more than ${limitMib} MiB (MAX_DECODED_MIB)`);
    this.name = new.target.name;
  }
}

/** Sets {@link sizeLimit} for the entire process, because all its decoders share its memory. */
export function setSizeLimit(mib: number): void {
  limitMib = mib;
}

/** Returns the maximum size in bytes of a decompressed record batch, or of a body read in full. */
export function sizeLimit(): number {
  return limitMib * MIB;
}

/** Runs one decompression at a time, so that memory stays within one limit. */
export const inTurn = pLimit(1);
