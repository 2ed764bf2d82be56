import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sendError } from './api-error.ts';
import type { Overview } from '../api/overview.ts';
import type { Asset, Bundle } from './bundle.ts';
import { contentSecurityPolicy } from './security.ts';

const ASSETS = '/assets/';

/**
 * Serves the page and its assets. All pages are one document, which shows the page that its hash
 * names.
 * @param latest returns the overview that the page shows until the first event arrives.
 */
export function servePages(
  app: FastifyInstance,
  bundle: Bundle,
  token: string,
  latest: () => Overview | undefined,
): void {
  app.get('/', (request, reply) => {
    const nonce = randomBytes(16).toString('base64');
    return reply
      .header('content-security-policy', contentSecurityPolicy(nonce))
      .type('text/html; charset=utf-8')
      .send(pageOf(bundle, { token, nonce, theme: themeOf(request), overview: latest() }));
  });
  app.get<{ Params: { name: string } }>(`${ASSETS}:name`, (request, reply) => {
    const asset = bundle.assets.get(request.params.name);
    if (asset === undefined) return sendError(reply, 404, 'the dashboard has changed', 'reload the page');
    return sendAsset(request, reply, asset);
  });
  app.get('/favicon.ico', (_request, reply) => reply.code(204).send());
}

function sendAsset(request: FastifyRequest, reply: FastifyReply, asset: Asset): FastifyReply {
  const accepted = request.headers['accept-encoding'] ?? '';
  const encoding = /\bbr\b/.test(accepted) ? 'br' : /\bgzip\b/.test(accepted) ? 'gzip' : undefined;
  void reply.type(asset.type).header('vary', 'accept-encoding');
  // The name changes with the content.
  void reply.header('cache-control', 'private, max-age=31536000, immutable');
  if (encoding === undefined) return reply.send(asset.body);
  return reply.header('content-encoding', encoding).send(encoding === 'br' ? asset.brotli : asset.gzip);
}

/** Returns the theme that the user chose. If it is undefined, the page follows the system. */
function themeOf(request: FastifyRequest): string | undefined {
  return /(?:^|; *)theme=(light|dark)(?:;|$)/.exec(request.headers.cookie ?? '')?.[1];
}

interface Page {
  readonly token: string;
  readonly nonce: string;
  readonly theme: string | undefined;
  readonly overview: Overview | undefined;
}

/** Placeholder that the browser paints before the script runs. The script replaces it. */
const SHELL =
  '<div class="shell"><header class="side"><span class="brand">chartmogul-clickhouse</span></header>' +
  '<main><div class="skeleton"><div class="skeleton-line"></div></div></main></div>';

function pageOf({ script, preloads, styles }: Bundle, { token, nonce, theme, overview }: Page): string {
  const links = preloads.map((name) => `<link rel="modulepreload" href="${ASSETS}${name}">`);
  return `<!doctype html>
<html lang="en"${theme === undefined ? '' : ` data-theme="${theme}"`}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="${theme ?? 'light dark'}">
<meta name="page-token" content="${token}">
<meta name="style-nonce" content="${nonce}">
${overview === undefined ? '' : `<meta name="overview" content="${attributeText(JSON.stringify(overview))}">`}
<title>Dashboard</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${ASSETS}${styles}">
${links.join('\n')}
<script type="module" src="${ASSETS}${script}"></script>
</head>
<body><div id="app">${SHELL}</div><noscript>The dashboard requires JavaScript.</noscript></body>
</html>
`;
}

/** Escapes text for an attribute in double quotes. */
function attributeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
}
