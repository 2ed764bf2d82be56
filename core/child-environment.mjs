// The environment of programs that we start. start.mjs uses it too, before TypeScript can run.

/** Variables for paths, programs, locales, terminals and certificates. */
const common =
  /^(?:PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_[A-Z]+|TZ|TMPDIR|TMP|TEMP|TERM|COLORTERM|NO_COLOR|FORCE_COLOR|CI|XDG_[A-Z_]+|LD_LIBRARY_PATH|NODE_OPTIONS|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|SSL_CERT_DIR|JAVA_HOME|JAVA_TOOL_OPTIONS|JDK_JAVA_OPTIONS|PATHEXT|COMSPEC|SYSTEMROOT|SYSTEMDRIVE|WINDIR|APPDATA|LOCALAPPDATA|USERPROFILE|PROGRAMFILES|PROGRAMDATA)$/i;

/** Variables for one program only; they may hold its own passwords. */
const needs = {
  npm: /^(?:HTTPS?_PROXY|NO_PROXY|ALL_PROXY|NPM_CONFIG_.*|NPM_TOKEN|NODE_AUTH_TOKEN)$/i,
  pip: /^(?:HTTPS?_PROXY|NO_PROXY|ALL_PROXY|PIP_.*)$/i,
  maven: /^(?:MAVEN_.*|M2_HOME)$/i,
  docker: /^(?:DOCKER_.*|COMPOSE_.*)$/i,
};

/**
 * Returns the allowed variables. An allow-list also keeps out unexpected secrets.
 *
 * @param {Readonly<Record<string, string | undefined>>} env
 * @param {'npm' | 'pip' | 'maven' | 'docker'} [program]
 */
export function allowedEnvironment(env, program) {
  const isAllowed = (name) => common.test(name) || (program !== undefined && needs[program].test(name));
  return Object.fromEntries(Object.entries(env).filter(([name]) => isAllowed(name)));
}
