import { createCommand, exitCodes, runMain } from '../core/process.ts';
import { loadSettings } from '../core/settings/config.ts';
import { print } from '../core/terminal/terminal.ts';
import { startDashboardMonitoring } from '../dashboard/server/health.ts';
import { startDashboard } from '../dashboard/server/server.ts';

/** Longer than open event streams take to close. */
const MAX_STOP_MS = 5_000;

await runMain(
  async (signal) => {
    createCommand(
      'show',
      'Serves the dashboard until stopped: open the printed address in a browser.',
    ).parse();
    const settings = loadSettings();
    const monitoring = await startDashboardMonitoring(settings, signal);
    try {
      const dashboard = await startDashboard(settings, signal);
      print(`${dashboard.url}\n`);
      await dashboard.stopped;
      return exitCodes.done;
    } finally {
      await monitoring.close();
    }
  },
  { maxStopMs: MAX_STOP_MS },
);
