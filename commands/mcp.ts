import { createCommand, exitCodes, runMain } from '../core/process.ts';
import { loadSettings } from '../core/settings/config.ts';
import { integer } from '../core/settings/setting-values.ts';
import { print } from '../core/terminal/terminal.ts';
import { serveHttp } from '../mcp/http.ts';
import { serveStdio } from '../mcp/stdio.ts';

/** Longer than cancelled calls take to end. */
const MAX_STOP_MS = 10_000;

await runMain(
  async (signal) => {
    const { http, port } = createCommand(
      'mcp',
      'Gives an assistant read-only access to the pipeline, through the Model Context Protocol over stdin and stdout.',
    )
      .option(
        '--http',
        'serves HTTP on 127.0.0.1 instead of stdin and stdout; clients need the token in MCP_TOKEN, or the one that is printed',
      )
      .option('--port <n>', 'port for --http', (text) => integer('--port', text, 1, 65_535), 4042)
      .addHelpText('after', '\nAssistants start this command themselves: see docs/assistants.md.')
      .parse()
      .opts<{ http?: true; port: number }>();
    const settings = loadSettings();
    if (http !== true) {
      if (process.stdin.isTTY)
        print('Waiting for a client on stdin. Ctrl-C stops the server.\n', process.stderr);
      await serveStdio(settings, signal);
      return exitCodes.done;
    }
    const { url, token, stopped } = await serveHttp(settings, port, signal);
    print(`${url}\n`);
    if (token !== undefined) print(`Authorization: Bearer ${token}\n`, process.stderr);
    await stopped;
    return exitCodes.done;
  },
  { maxStopMs: MAX_STOP_MS },
);
