/** A segment that makes an address another one: the client resolves `.` and `..`, also in their encoded forms. */
const dotSegment = /^(\.|%2e){1,2}$/i;

/** Whether a path would be asked for as it stands. */
export function hasDotSegment(path: string): boolean {
  return path.split('/').some((segment) => dotSegment.test(segment));
}

/**
 * The path with a key in place of `{name}`, encoded, as (part of) one segment. Undefined for a key that cannot stand there: blank,
 * no well-formed text, or a dot segment, with which it would be another address.
 */
export function addressOf(template: string, name: string, key: string): string | undefined {
  if (key === '' || /\p{Cs}/u.test(key)) return undefined;
  const path = template.replace(`{${name}}`, encodeURIComponent(key));
  return hasDotSegment(path) ? undefined : path;
}
