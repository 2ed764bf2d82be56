/** One of our messages in two parts: what happened, and what to do. */
export interface Advice {
  readonly message: string;
  /** Commands are in backticks. Undefined if the message has none. */
  readonly remedy: string | undefined;
}

/** Splits one of our messages at its remedy: `<what happened>: <why>; <remedy>`. */
export function adviceOf(text: string): Advice {
  const at = text.lastIndexOf('; ');
  // `X must be Y; got Z` is one sentence.
  const isWhole = at < 0 || text.startsWith('got ', at + 2);
  return isWhole
    ? { message: text, remedy: undefined }
    : { message: text.slice(0, at), remedy: text.slice(at + 2) };
}
