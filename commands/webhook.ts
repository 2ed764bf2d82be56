import { loadSettings } from '../core/settings/config.ts';
import { startMonitoring } from '../core/monitoring.ts';
import { createCommand, exitCodes, runMain } from '../core/process.ts';
import { print } from '../core/terminal/terminal.ts';
import { startWebhook } from '../producers/webhook/webhook.ts';

/** Longer than the time that in-flight requests get to finish. */
const MAX_STOP_MS = 9_000;

await runMain(
  async (signal) => {
    createCommand(
      'webhook',
      'Receives MRR movements that ChartMogul sends to a webhook, and stores them in Kafka, until stopped.',
    ).parse();
    const settings = loadSettings();
    const webhook = await startWebhook(settings, signal);
    const { metrics, health } = webhook.receiver;
    const monitoring = await startMonitoring(settings, 'webhook', metrics.registry, health);
    print(`${webhook.url}<WEBHOOK_TOKEN>\n`);
    await webhook.stopped.finally(() => monitoring.close());
    return exitCodes.done;
  },
  { maxStopMs: MAX_STOP_MS },
);
