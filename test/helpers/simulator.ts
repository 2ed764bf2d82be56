import type { TestContext } from 'node:test';
import type { SimulatorOptions } from '../../simulator/options.ts';
import { listen } from '../../simulator/server.ts';
import { createSimulator, type Simulator } from '../../simulator/simulator.ts';

/** Runs a simulator on a free port until the test ends. By default, it has no request limits. */
export async function createSimulatorServer(
  t: TestContext,
  options: Partial<SimulatorOptions>,
): Promise<{ simulator: Simulator; baseUrl: string }> {
  const simulator = createSimulator({ rateLimit: 0, connectionLimit: 0, ...options });
  const server = await listen(simulator, 0);
  t.after(() => server.close());
  return { simulator, baseUrl: server.baseUrl };
}
