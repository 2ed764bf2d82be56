import { format, resolveConfig } from 'prettier';
import { commandsPage, type ScriptOf } from './commands-page.ts';
import { errorsPage } from './errors-page.ts';
import { queriesPage } from './queries-page.ts';
import { settingsPage } from './settings-page.ts';
import { streamsPage } from './streams-page.ts';

export const referenceFolder = new URL('../reference/', import.meta.url);

/**
 * Returns the generated pages by path from docs/reference, formatted as `npm run check` expects.
 */
export async function referencePages(
  scriptOf: ScriptOf = (entry) => ['start.mjs', entry],
): Promise<ReadonlyMap<string, string>> {
  const pages: Readonly<Record<string, string>> = {
    'settings.md': settingsPage(),
    'commands.md': await commandsPage(scriptOf),
    'streams.md': streamsPage(),
    'errors.md': errorsPage(),
    '../queries.md': queriesPage(),
  };
  const config = await resolveConfig(new URL('settings.md', referenceFolder));
  return new Map(
    await Promise.all(
      Object.entries(pages).map(
        async ([name, text]) => [name, await format(text, { ...config, parser: 'markdown' })] as const,
      ),
    ),
  );
}
