/** One of our messages in two parts: what happened, and what to do. */
export interface Advice {
  readonly message: string;
  /** Commands are in backticks. Undefined if the message has no remedy. */
  readonly remedy: string | undefined;
}

/** The words that begin a remedy after the text of a server, which may be anything. */
export const REMEDY = '. Remedy: ';

/** The end of our words in a message of `clickHouseError`. The words of the server follow. */
const quotesServer = /\breturned code \d+ \([^)]*\): /;

/**
 * Splits one of our messages at its remedy: `<what happened>: <why>; <remedy>`. A message that
 * quotes ClickHouse may quote a query, so only {@link REMEDY} begins its remedy.
 */
export function adviceOf(text: string): Advice {
  if (quotesServer.test(text)) {
    const at = text.lastIndexOf(REMEDY);
    return at < 0
      ? { message: text, remedy: undefined }
      : { message: text.slice(0, at), remedy: text.slice(at + REMEDY.length) };
  }
  const at = text.lastIndexOf('; ');
  // `X must be Y; got Z` is one sentence.
  const isWhole = at < 0 || text.startsWith('got ', at + 2);
  return isWhole
    ? { message: text, remedy: undefined }
    : { message: text.slice(0, at), remedy: text.slice(at + 2) };
}
