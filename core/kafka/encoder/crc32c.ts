/** The polynomial of CRC-32C (Castagnoli), with its bits reversed. */
const POLYNOMIAL = 0x82f63b78;

/** The entry at `n * 256 + byte` is the checksum of a byte followed by `n` zero bytes. */
const table = new Int32Array(8 * 256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) * POLYNOMIAL);
  table[byte] = crc;
}
for (let at = 256; at < table.length; at++) {
  const before = table[at - 256] ?? 0;
  table[at] = (before >>> 8) ^ (table[before & 0xff] ?? 0);
}

/**
 * Returns the CRC-32C of the bytes from `start`, as an unsigned integer. Reads 8 bytes at a time.
 */
export function crc32c(bytes: Buffer, start: number): number {
  let crc = -1;
  let at = start;
  const last = bytes.length - 8;
  for (; at <= last; at += 8) {
    const low = crc ^ bytes.readInt32LE(at);
    const high = bytes.readInt32LE(at + 4);
    crc =
      entry(7, low) ^
      entry(6, low >>> 8) ^
      entry(5, low >>> 16) ^
      entry(4, low >>> 24) ^
      entry(3, high) ^
      entry(2, high >>> 8) ^
      entry(1, high >>> 16) ^
      entry(0, high >>> 24);
  }
  for (; at < bytes.length; at++) crc = entry(0, crc ^ (bytes[at] ?? 0)) ^ (crc >>> 8);
  return ~crc >>> 0;
}

function entry(zeros: number, word: number): number {
  return table[(zeros << 8) | (word & 0xff)] ?? 0;
}
