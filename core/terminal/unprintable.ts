/**
 * Control and format characters and line separators, which a terminal obeys and does not show. Only
 * for `replace`, because it is global.
 */
export const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
