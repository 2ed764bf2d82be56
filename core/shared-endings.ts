/**
 * Returns one line for each ending, with the streams that share it, so that no reason is repeated.
 * @param endings undefined for a stream that ended well.
 */
export function endingLines(
  endings: readonly (readonly [stream: string, ending: string | undefined])[],
): string[] {
  const streamsOf = new Map<string, string[]>();
  for (const [stream, ending] of endings)
    if (ending !== undefined) streamsOf.set(ending, [...(streamsOf.get(ending) ?? []), stream]);
  return [...streamsOf].map(([ending, streams]) => {
    const isAll = streams.length > 1 && streams.length === endings.length;
    return `${isAll ? 'every stream' : streams.join(', ')} ${ending}`;
  });
}
