import { hash } from 'node:crypto';

const BLOCKS = 12;
const UNITS_PER_BLOCK = 30;
const RECORDS = 20;
const LOOPS_PER_RECORD = 6;

/** A fixed record of a typical shape. The calibration runs none of the project's own code. */
const record = {
  uuid: 'cus_3f5a1c9e-7a52-11ee-b962-0242ac120002',
  name: 'Example customer with a name of usual length',
  email: 'someone@example.com',
  status: 'Active',
  country: 'DE',
  mrr: 129_900,
  arr: 1_558_800,
  dates: ['2024-01-01T00:00:00.000Z', '2024-02-01T00:00:00.000Z', '2025-03-01T00:00:00.000Z'],
  attributes: { tags: ['important', 'prio1'], custom: { channel: 'Facebook', age: 18, score: 1.25 } },
  lines: Array.from({ length: 3 }, (_, number) => ({ plan: 'gold', number, amount_in_cents: number * 99 })),
};
const page = JSON.stringify(Array.from({ length: RECORDS }, (_, number) => ({ ...record, number })));
const bytes = Buffer.alloc(16_384);

let sum = 0;

/** One unit: parsing, text, digests, objects and loops over bytes, as in our code. */
function workUnit(): void {
  const records = JSON.parse(page) as (typeof record)[];
  let at = 0;
  for (const one of records) {
    const text = JSON.stringify(one);
    sum += hash('sha256', text, 'binary').charCodeAt(0);
    for (let loop = 0; loop < LOOPS_PER_RECORD; loop++) {
      at = (at + 613) % 8_192;
      const length = bytes.write(text, at, 'latin1');
      for (let index = 0; index < length; index++) sum = (sum + (bytes[at + index] as number)) | 0;
    }
    const entries = Object.entries(one).map(([name, value]) => ({ name, value }));
    sum += entries.length;
  }
}

/** Returns the CPU time that all threads of this process have used, in µs. */
export function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/**
 * Returns the least CPU time of one unit of the fixed work, in µs. A cost divided by it depends on
 * the code and hardly on the machine, because other programs and the clock rate affect both
 * equally.
 */
export function calibrationUs(): number {
  let leastUs = Infinity;
  for (let block = 0; block < BLOCKS; block++) {
    const startUs = cpuUs();
    for (let unit = 0; unit < UNITS_PER_BLOCK; unit++) workUnit();
    leastUs = Math.min(leastUs, (cpuUs() - startUs) / UNITS_PER_BLOCK);
  }
  return leastUs;
}
