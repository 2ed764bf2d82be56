import type { ServerResponse } from 'node:http';
import type { TestContext } from 'node:test';
import { createApiServer, type ApiAnswers } from './api-server.ts';
import type { SourceLists } from './written-before.ts';

const RECORDS_OF_A_PAGE = 2;

/**
 * Starts a source that serves these lists by cursor, two records a page, and each record by its
 * uuid.
 */
export async function createListedSource(
  t: TestContext,
  lists: SourceLists,
): Promise<{ baseUrl: string; requests: string[] }> {
  const answers: Record<string, ApiAnswers[string]> = { '/ping': '{"data":"pong!"}' };
  for (const [path, { listKey, records }] of Object.entries(lists)) {
    for (const record of records) answers[`${path}/${String(record['uuid'])}`] = JSON.stringify(record);
    answers[path] = (query: URLSearchParams, response: ServerResponse) => {
      const from = Number(query.get('cursor')?.slice(1) ?? 0);
      const end = from + RECORDS_OF_A_PAGE;
      const page = { [listKey]: records.slice(from, end), has_more: end < records.length, cursor: `c${end}` };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(page));
    };
  }
  return createApiServer(t, answers);
}
