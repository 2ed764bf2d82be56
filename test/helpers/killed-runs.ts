import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Settings } from '../../core/settings/config.ts';
import { streams } from '../../producers/chartmogul/streams.ts';
import { Random } from '../../simulator/data/random.ts';
import type { SimulatorOptions } from '../../simulator/options.ts';
import { runCommand, startCommand } from './command.ts';
import { createSettings, environmentOf } from './settings.ts';
import { createWatchedSimulator, type WatchedSimulator } from './watched-simulator.ts';

const entry = 'commands/produce.ts';
/** Runs do not wait for a killed run's session to expire. Another test covers this wait. */
const args = ['--take-over'];

/** All streams except optional ones: most accounts lack the list of transactions. */
export const streamNames: readonly string[] = streams
  .filter(({ isOptional }) => isOptional !== true)
  .map(({ name }) => name);

/**
 * The seed that decides when runs are killed. It is random unless the environment sets KILL_SEED.
 */
export const killSeed = Number(process.env['KILL_SEED'] ?? randomInt(1_000_000));

/**
 * When a run is killed: while it starts, while it reads, or shortly before its last streams end.
 */
export type Moment = 'start' | 'read' | 'end';

const MAX_START_MS = 4_000;
/**
 * For `read`, a run is killed shortly after a random number of requests, at most about this many.
 * The first 75 or so only read again what earlier runs have read completely. The pages of the last
 * second, up to 75 requests, are not yet committed when the run is killed.
 */
const MAX_REQUESTS = 280;
const MIN_REQUESTS = 70;

/** An account and runs of `produce` over all its streams, each in a separate process. */
export class KilledRuns {
  readonly simulator: WatchedSimulator;
  readonly settings: Settings;
  readonly #t: TestContext;
  readonly #env: NodeJS.ProcessEnv;
  readonly #random = new Random(killSeed);
  #kills = 0;
  #maxRequests = MAX_REQUESTS;
  #runs = 0;

  private constructor(t: TestContext, simulator: WatchedSimulator, settings: Settings) {
    this.simulator = simulator;
    this.settings = settings;
    this.#t = t;
    this.#env = environmentOf(settings);
  }

  /** Creates an account whose API is slow enough that a run can be killed while it reads. */
  static async begin(t: TestContext, options: Partial<SimulatorOptions>): Promise<KilledRuns> {
    const { simulator, baseUrl } = await createWatchedSimulator(t, { latency: 5, ...options });
    const { chartmogul, produce, ...rest } = createSettings(t, baseUrl);
    return new KilledRuns(t, simulator, {
      ...rest,
      chartmogul: { ...chartmogul, maxRequestsPerSecond: 75 },
      produce: { ...produce, metrics: { ...produce.metrics, startDate: '2025-01-01' } },
    });
  }

  get summary(): string {
    return `${this.#kills} kills of ${this.#runs} runs, ${this.simulator.requests} requests`;
  }

  /**
   * Kills one run at each of these moments. If a run ends before it can be killed, another run is
   * killed while it reads.
   */
  async kill(moments: readonly Moment[]): Promise<void> {
    const wanted = this.#kills + moments.length;
    for (const moment of moments) await this.#killOnce(moment);
    while (this.#kills < wanted) await this.#killOnce('read');
  }

  /** Runs to completion, and asserts that the exit code is 0. */
  async finish(): Promise<void> {
    const { exitCode, stdout, stderr } = await runCommand(this.#t, entry, args, this.#env);
    assert.equal(exitCode, 0, `${stdout}${stderr}`);
    this.#runs++;
  }

  async #killOnce(moment: Moment): Promise<void> {
    const number = this.#runs++;
    const upTo = (what: string, high: number) => this.#random.integer(what, 0, high, number);
    const command = startCommand(this.#t, entry, args, this.#env);
    const comes: Readonly<Record<Moment, () => Promise<unknown>>> = {
      start: () => delay(upTo('start', MAX_START_MS)),
      read: () => this.simulator.asked(1 + upTo('requests', this.#maxRequests)),
      end: () => command.logged('"stream read"', streamNames.length - upTo('streams', 3)),
    };
    const ended = command.result.then(() => {});
    await Promise.race([comes[moment](), ended]);
    await Promise.race([delay(upTo('more', moment === 'end' ? 700 : 300)), ended]);
    command.kill('SIGKILL');
    const { exitCode, stdout, stderr } = await command.result;
    if (exitCode === null) this.#kills++;
    else {
      assert.equal(exitCode, 0, `${stdout}${stderr}`);
      // Less is left to read, so the next runs are killed earlier.
      this.#maxRequests = Math.max(MIN_REQUESTS, this.#maxRequests / 2);
    }
  }
}
