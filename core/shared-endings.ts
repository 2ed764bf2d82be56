/**
 * Returns one line for each distinct ending, with the names of its streams. Streams that succeeded
 * (`undefined`) are omitted.
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
