/** The programs that need more of our environment than others. */
export type NeedyProgram = 'npm' | 'maven' | 'docker';

export function allowedEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  program?: NeedyProgram,
): Record<string, string | undefined>;
