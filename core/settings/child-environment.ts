import { allowedEnvironment, type NeedyProgram } from '../child-environment.mjs';
import { isSensitive, isSettingName } from './definitions.ts';

/** Returns the variables of this process that are on the allow-list of a child program. */
export function childEnvironment(
  program?: NeedyProgram,
  processEnv: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv {
  return allowedEnvironment(processEnv, program);
}

/**
 * Returns the environment of a program that reads a vault. Vault programs sign in with variables of
 * their own, so they receive every variable except our secrets. AWS secrets are passed on, because
 * the AWS program signs in with them.
 */
export function vaultEnvironment(processEnv: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const isOurs = (name: string) => isSettingName(name) && isSensitive(name) && !name.startsWith('AWS_');
  return Object.fromEntries(Object.entries(processEnv).filter(([name]) => !isOurs(name)));
}

/**
 * Returns the options, such as `--dry-run`, that npm consumed instead of passing them to the
 * script. npm exposes them to scripts as environment variables.
 */
export function keptByNpm(script: string, options: readonly string[]): string[] {
  // The variables of a test run or of another script are not meant for this one.
  if (process.env['npm_lifecycle_event'] !== script) return [];
  return [...new Set(options)].filter((long) => {
    const value = process.env[`npm_config_${long.slice(2).replaceAll('-', '_')}`];
    return value !== undefined && value !== '';
  });
}
