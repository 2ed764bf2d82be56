import { Random } from './data/random.ts';
import type { SimulatorOptions } from './options.ts';

const kinds = ['500', '502', '504', '429', 'torn body', 'half JSON', 'reset', 'hang'] as const;

/** How a request fails: with an error status, with half a response, or without a response. */
export type Fault = (typeof kinds)[number];

/** Decides which requests fail, and how, from the seed and the number of requests so far. */
export class Faults {
  readonly #random: Random;
  readonly #share: number;
  #requests = 0;

  constructor({ seed, faults }: Pick<SimulatorOptions, 'seed' | 'faults'>) {
    this.#random = new Random(seed);
    this.#share = faults;
  }

  next(): Fault | undefined {
    const request = this.#requests++;
    if (!this.#random.chance('fault', this.#share, request)) return undefined;
    return this.#random.pick('fault.kind', kinds, request);
  }

  /**
   * Returns whether the last fault prevents its request from taking effect. A write that receives a
   * 429 never takes effect. Half of the other failed writes do, although their responses are lost.
   */
  comesFirst(method: string, fault: Fault): boolean {
    if (method === 'GET') return false;
    return fault === '429' || this.#random.chance('fault.first', 0.5, this.#requests);
  }
}
