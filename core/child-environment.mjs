// Shared with start.mjs, which runs before TypeScript can: what the programs that we start are given of our environment.

/** What programs need to find files, other programs, words and certificates. */
const common =
  /^(?:PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_[A-Z]+|TZ|TMPDIR|TMP|TEMP|TERM|COLORTERM|NO_COLOR|FORCE_COLOR|CI|XDG_[A-Z_]+|LD_LIBRARY_PATH|NODE_OPTIONS|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|SSL_CERT_DIR|JAVA_HOME|JAVA_TOOL_OPTIONS|JDK_JAVA_OPTIONS|PATHEXT|COMSPEC|SYSTEMROOT|SYSTEMDRIVE|WINDIR|APPDATA|LOCALAPPDATA|USERPROFILE|PROGRAMFILES|PROGRAMDATA)$/i;

/** What only some programs need; it may hold passwords of their own. */
const needs = {
  npm: /^(?:HTTPS?_PROXY|NO_PROXY|ALL_PROXY|NPM_CONFIG_.*|NPM_TOKEN|NODE_AUTH_TOKEN)$/i,
  maven: /^(?:MAVEN_.*|M2_HOME)$/i,
  docker: /^(?:DOCKER_.*|COMPOSE_.*)$/i,
};

/**
 * An allow-list: a secret that nobody thought of does not pass.
 *
 * @param {Readonly<Record<string, string | undefined>>} env
 * @param {'npm' | 'maven' | 'docker'} [program]
 */
export function allowedEnvironment(env, program) {
  const isAllowed = (name) => common.test(name) || (program !== undefined && needs[program].test(name));
  return Object.fromEntries(Object.entries(env).filter(([name]) => isAllowed(name)));
}
