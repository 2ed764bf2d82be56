/** Whether an HTTP client would change the path: it resolves `.` and `..`, even in encoded form. */
export function hasDotSegment(path: string): boolean {
  return path.split('/').some((segment) => /^(\.|%2e){1,2}$/i.test(segment));
}

/**
 * Replaces `{name}` in a path by an encoded key. Returns undefined for a key that cannot be part of
 * a path: an empty text, a lone surrogate, or a dot segment.
 */
export function addressOf(template: string, name: string, key: string): string | undefined {
  if (key === '' || /\p{Cs}/u.test(key)) return undefined;
  const path = template.replace(`{${name}}`, encodeURIComponent(key));
  return hasDotSegment(path) ? undefined : path;
}
