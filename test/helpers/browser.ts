import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { AxeResults } from 'axe-core';
import { chromium, type Browser, type Page } from 'playwright-core';

const programs = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** The path of Chromium; undefined if it is not installed (`apt-get install chromium`). */
export const chromiumPath = programs.find((path) => existsSync(path));

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Screenshots are written to this folder, if it is set. */
const screenshots = process.env['SCREENSHOTS'];

export const widths = { wide: 1280, narrow: 400 } as const;
export const themes = ['light', 'dark'] as const;

export async function launchBrowser(t: TestContext): Promise<Browser> {
  const executablePath = chromiumPath ?? '';
  const browser = await chromium.launch({ executablePath, args: flags });
  t.after(() => browser.close());
  return browser;
}

export interface Visit {
  readonly url: string;
  readonly width?: keyof typeof widths;
  readonly theme?: (typeof themes)[number];
}

/**
 * Opens a page and records everything that must not happen: console errors and warnings,
 * exceptions, and requests to other hosts.
 */
export async function visit(
  browser: Browser,
  { url, width = 'wide', theme = 'light' }: Visit,
): Promise<{ page: Page; faults: string[] }> {
  const context = await browser.newContext({
    viewport: { width: widths[width], height: 900 },
    colorScheme: theme,
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`exception: ${error.message}`));
  page.on('request', (request) => {
    if (!request.url().startsWith('data:') && new URL(request.url()).host !== new URL(url).host)
      faults.push(`request to another host: ${request.url()}`);
  });
  await page.goto(url);
  return { page, faults };
}

/** Returns the serious and critical violations that axe finds, with their elements. */
export async function axeFindings(page: Page): Promise<string[]> {
  // The page's Content-Security-Policy blocks an injected script element, so the debugger evaluates
  // the source.
  await page.evaluate(axeSource);
  const results = await page.evaluate<AxeResults>('axe.run(document, { resultTypes: ["violations"] })');
  return results.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`);
}

/** Returns the page's horizontal overflow in pixels. */
export function overflowOf(page: Page): Promise<number> {
  return page.evaluate<number>('document.documentElement.scrollWidth - window.innerWidth');
}

export async function screenshot(page: Page, name: string): Promise<void> {
  if (screenshots === undefined) return;
  mkdirSync(screenshots, { recursive: true });
  await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
}
