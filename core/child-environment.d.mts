/** Programs that receive more environment variables than others. */
export type NeedyProgram = 'npm' | 'pip' | 'maven' | 'docker';

export function allowedEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  program?: NeedyProgram,
): Record<string, string | undefined>;
