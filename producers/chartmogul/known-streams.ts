import { readStreamSchema } from '../../core/avro/schema-files.ts';
import type { Settings } from '../../core/settings/config.ts';
import { ConfigError } from '../../core/errors.ts';
import { notOneOf } from '../../core/settings/setting-values.ts';
import { parseCustomStreams } from './custom-streams.ts';
import { eventStream, streams, type StreamSpec } from './streams.ts';

/** Returns ChartMogul's streams and those that CONFIG_FILE adds. @throws ConfigError */
export function knownStreams({ produce }: Pick<Settings, 'produce'>): readonly StreamSpec[] {
  const known = [...streams, ...parseCustomStreams(produce.customStreams, streams)];
  for (const { name, parent } of known) {
    if (parent === undefined) continue;
    const spec = specOf(known, parent.stream, `the parent of ${name}`);
    const { length } = spec.primaryKey ?? readStreamSchema(spec.name).primaryKey;
    if (length !== 1)
      throw new ConfigError(
        `CONFIG_FILE: the parent of ${name} must be a stream whose key is one field; got ${parent.stream}`,
      );
  }
  for (const stream of produce.modes.keys()) specOf([...known, eventStream], stream, 'STREAM_MODES');
  return known;
}

/**
 * Returns the streams that a comma-separated list names, and their ancestors; all streams if the
 * list is undefined.
 */
export function chooseStreams(known: readonly StreamSpec[], list: string | undefined): readonly StreamSpec[] {
  if (list === undefined) return known;
  const chosen = new Set<StreamSpec>();
  const add = (spec: StreamSpec) => {
    chosen.add(spec);
    if (spec.parent !== undefined) add(specOf(known, spec.parent.stream, `the parent of ${spec.name}`));
  };
  for (const name of namesIn(list)) add(specOf(known, name, '--streams'));
  return known.filter((spec) => chosen.has(spec));
}

export function namesIn(list: string | undefined): ReadonlySet<string> {
  return new Set(list?.split(',').map((name) => name.trim()));
}

function specOf(known: readonly StreamSpec[], name: string, where: string): StreamSpec {
  const spec = known.find((candidate) => candidate.name === name);
  if (spec !== undefined) return spec;
  throw notOneOf(where, name, known.map((candidate) => candidate.name).sort());
}
