import { Random } from './data/random.ts';
import type { SimulatorOptions } from './options.ts';

const kinds = ['500', '502', '504', '429', 'torn body', 'half JSON', 'reset', 'hang'] as const;

/**
 * A way to fail: a status, half a response in one of two ways, or no response in one of two ways.
 */
export type Fault = (typeof kinds)[number];

/** Decides which requests fail, and how, by the seed and the number of requests so far. */
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
   * Whether the last fault keeps its request from taking effect. Half of the writing requests take
   * effect although their response is lost. A request that gets a 429 never takes effect.
   */
  comesFirst(method: string, fault: Fault): boolean {
    if (method === 'GET') return false;
    return fault === '429' || this.#random.chance('fault.first', 0.5, this.#requests);
  }
}
