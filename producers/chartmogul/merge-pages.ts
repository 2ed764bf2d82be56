import type { Page, SourceList } from './source-list.ts';

type Pages = AsyncGenerator<Page, void, undefined>;

/**
 * The pages of many lists, read side by side: of each list in its order, among lists as they come. Of a list that is being
 * read one page waits at most, and no list is begun before there is a place for it.
 */
export async function* mergePages(
  lists: Iterable<SourceList>,
  sideBySide: number,
  read: (list: SourceList) => Pages,
): Pages {
  const waiting = lists[Symbol.iterator]();
  const coming = new Map<Pages, Promise<{ pages: Pages; result: IteratorResult<Page, void> }>>();
  const ask = (pages: Pages) => {
    const asked = pages.next().then((result) => ({ pages, result }));
    // It may fail while another is waited for: then it is heard of at its turn.
    asked.catch(() => {});
    // To the end of the line: where every list has a page waiting, each gets its turn, and so does an error.
    coming.delete(pages);
    coming.set(pages, asked);
  };
  try {
    for (;;) {
      while (coming.size < sideBySide) {
        const next = waiting.next();
        if (next.done === true) break;
        ask(read(next.value));
      }
      if (coming.size === 0) return;
      const { pages, result } = await Promise.race(coming.values());
      if (result.done === true) {
        coming.delete(pages);
        continue;
      }
      ask(pages);
      yield result.value;
    }
  } finally {
    await Promise.allSettled([...coming.keys()].map((pages) => pages.return()));
  }
}
