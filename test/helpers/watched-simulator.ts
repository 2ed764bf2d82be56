import { EventEmitter, once } from 'node:events';
import type { TestContext } from 'node:test';
import type { Answer } from '../../simulator/answer.ts';
import { standardOptions, type SimulatorOptions } from '../../simulator/options.ts';
import { listen } from '../../simulator/server.ts';
import { Simulator, type SimulatorRequest } from '../../simulator/simulator.ts';

/** A simulator that reports its requests. By default, it has no request limits. */
export class WatchedSimulator extends Simulator {
  requests = 0;
  readonly #asked = new EventEmitter();

  constructor(options: Partial<SimulatorOptions>) {
    super({ ...standardOptions, rateLimit: 0, connectionLimit: 0, ...options });
    // A wait that a test has abandoned keeps its listener until the next request.
    this.#asked.setMaxListeners(0);
  }

  override answer(request: SimulatorRequest): Answer {
    this.requests++;
    this.#asked.emit('asked');
    return super.answer(request);
  }

  /** Resolves after the given number of additional requests. */
  async asked(more: number): Promise<void> {
    const wanted = this.requests + more;
    while (this.requests < wanted) await once(this.#asked, 'asked');
  }
}

/** Runs a simulator on a free port until the test ends. */
export async function createWatchedSimulator(
  t: TestContext,
  options: Partial<SimulatorOptions>,
): Promise<{ simulator: WatchedSimulator; baseUrl: string }> {
  const simulator = new WatchedSimulator(options);
  const server = await listen(simulator, 0);
  t.after(() => server.close());
  return { simulator, baseUrl: server.baseUrl };
}
