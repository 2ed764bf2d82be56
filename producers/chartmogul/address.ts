/**
 * Returns whether an HTTP client would change the path, because it has a segment `.` or `..`, even
 * in encoded form.
 */
export function hasDotSegment(path: string): boolean {
  return path.split('/').some((segment) => /^(\.|%2e){1,2}$/i.test(segment));
}

/**
 * Replaces `{name}` in a path with the encoded key. Returns undefined if the key cannot be part of
 * a path: it is empty, has a lone surrogate, or would be a dot segment.
 */
export function addressOf(template: string, name: string, key: string): string | undefined {
  if (key === '' || /\p{Cs}/u.test(key)) return undefined;
  const path = template.replace(`{${name}}`, encodeURIComponent(key));
  return hasDotSegment(path) ? undefined : path;
}
