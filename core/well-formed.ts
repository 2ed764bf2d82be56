/**
 * Returns the text in a form that UTF-8 can represent: a lone surrogate becomes U+FFFD and its four
 * hex digits (`\ud83d` → `�d83d`). Different texts stay different: if the text already contains
 * such a sequence, `fffd` follows its U+FFFD.
 */
export function wellFormed(text: string): string {
  if (text.isWellFormed() && !text.includes('\ufffd')) return text;
  return text.replace(
    /\p{Cs}|\ufffd(?=d[89a-f][0-9a-f]{2}|fffd)/gu,
    (character) => `\ufffd${character.charCodeAt(0).toString(16)}`,
  );
}
