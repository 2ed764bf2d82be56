/**
 * Returns text of the checkout as the package shows it: `npm run NAME -- …` becomes
 * `chartmogul-clickhouse NAME …`.
 * @param names of the commands that the package has.
 */
export function packageText(text: string, names: readonly string[]): string {
  // `${script}` is the name in the template of `createCommand`.
  const name = [...names, '${script}'].map((each) => each.replace(/[${}]/g, '\\$&')).join('|');
  const call = new RegExp(
    `npm run (?:-s |--silent )?(?:--prefix \\S+ )?(${name})(?![\\w-])( --(?![\\w-]))?`,
    'g',
  );
  return text.replace(call, (_, each: string) => `chartmogul-clickhouse ${each}`);
}

/** Returns declarations that import `.js` files, as the compiled code does. */
export function packageImports(text: string): string {
  return text.replace(/(from |import\()(['"])(\.{1,2}\/[^'"]+)\.ts\2/g, '$1$2$3.js$2');
}
