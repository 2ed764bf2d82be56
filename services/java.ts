import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProgram } from '../core/child-process.ts';
import { LocalServiceError } from '../core/errors.ts';
import { isPackage } from '../core/installation.ts';
import { logger } from '../core/logger.ts';
import { childEnvironment } from '../core/settings/child-environment.ts';
import { verifyChecksums } from './checksums.ts';

const pom = fileURLToPath(new URL('pom.xml', import.meta.url));
const checksums = fileURLToPath(new URL('java-packages.sha256', import.meta.url));

/**
 * The downloaded Java packages are in the checkout or, for the npm package, in the user's cache.
 * They are not under DATA_DIR, so that runs with different folders share one download.
 */
const store = isPackage
  ? join(cacheFolder(), 'chartmogul-clickhouse', 'java')
  : fileURLToPath(new URL('../.data/java/', import.meta.url));

/** Returns the user's folder for files that can be downloaded again. */
function cacheFolder(): string {
  const folder = childEnvironment()['XDG_CACHE_HOME'] ?? '';
  // The XDG specification says to ignore relative paths.
  return isAbsolute(folder) ? folder : join(homedir(), '.cache');
}

/** Flags that halve the start-up time of a small JVM, at the cost of peak speed. */
export const quickStart = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xshare:auto'];

/**
 * Returns the folder that contains `kafka/*.jar` and `registry/`. Fetches it through Maven the
 * first time. Two runs may fetch it concurrently.
 * @throws LocalServiceError if Java cannot be run or is older than 17, Maven is missing, or the
 * download fails or does not match the checksums.
 */
export function javaPackages(signal: AbortSignal): Promise<string> {
  return (fetching ??= fetchOnce(signal).finally(() => (fetching = undefined)));
}

/** The download in progress, which Kafka and the registry request at the same time. */
let fetching: Promise<string> | undefined;

async function fetchOnce(signal: AbortSignal): Promise<string> {
  await requireJava(signal);
  const target = join(store, createHash('sha256').update(readFileSync(pom)).digest('hex').slice(0, 12));
  if (existsSync(target)) return target;
  logger.info('downloading Kafka and the schema registry through Maven (about 150 MB, once)');
  mkdirSync(store, { recursive: true });
  const draft = mkdtempSync(join(store, 'draft-'));
  try {
    await fetchInto(draft, signal);
    await verifyChecksums(draft, ['kafka', 'registry'], readFileSync(checksums, 'utf8'));
    renameSync(draft, target);
  } catch (error) {
    // Another run may have finished first. It fetched the same files.
    if (!existsSync(target)) throw error;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return target;
}

async function fetchInto(folder: string, signal: AbortSignal): Promise<void> {
  const args = ['-q', '-B', '-f', pom, `-Dtarget=${folder}`, 'package'];
  try {
    await runProgram('mvn', args, { signal, timeout: 900_000, needs: 'maven' });
  } catch (error) {
    signal.throwIfAborted();
    if (isMissing(error))
      throw new LocalServiceError('mvn is not installed: install Apache Maven 3, or start Docker');
    const line = /\[ERROR\] (.*)/.exec(output(error))?.[1] ?? 'no reason given';
    const message = `Maven could not fetch the jars of services/pom.xml: ${line.slice(0, 500)}`;
    throw new LocalServiceError(message, { cause: error });
  }
}

async function requireJava(signal: AbortSignal): Promise<void> {
  const remedy = 'install a Java runtime, 17 or newer, or start Docker';
  try {
    const { stderr } = await runProgram('java', ['-version'], { signal, timeout: 30_000 });
    const version = /version "(\d+)/.exec(stderr)?.[1];
    if (Number(version) < 17)
      throw new LocalServiceError(`Java is version ${version ?? 'unknown'}: ${remedy}`);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof LocalServiceError) throw error;
    const fault = isMissing(error) ? 'java is not installed' : 'java cannot be run';
    throw new LocalServiceError(`${fault}: ${remedy}`, { cause: error });
  }
}

/** Returns everything that a failed command printed. */
export function output(error: unknown): string {
  const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
  return `${stderr}${stdout}`;
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}
