import { join, resolve } from 'node:path';
import { makePrivateFolder, writePrivate } from '../../core/private-files.ts';
import { internalEngines } from '../../core/clickhouse/statement-tree.ts';

/**
 * Settings that no statement may change: they name a file, disk or storage policy, contain SQL that
 * parsing the statement does not reveal, or enable another dialect or `eval`.
 */
const fixedSettings = `format_schema format_template_row format_template_resultset output_format_schema
  additional_table_filters additional_result_filter parallel_replicas_custom_key schema_inference_hints
  dialect allow_experimental_eval_table_function merge_tree_disk merge_tree_storage_policy`.split(/\s+/);

const confinedGrants: readonly string[] = [
  'GRANT ALL ON *.*',
  'REVOKE SOURCES ON *.*',
  'REVOKE BACKUP, NAMED COLLECTION ADMIN, ACCESS MANAGEMENT, CREATE DICTIONARY, INTROSPECTION ON *.*',
  'REVOKE SYSTEM SHUTDOWN, SYSTEM RELOAD MODEL ON *.*',
  'REVOKE TABLE ENGINE ON *',
  `GRANT ${internalEngines.map((engine) => `TABLE ENGINE ON ${engine}`).join(', ')}`,
  'GRANT READ, WRITE ON KAFKA',
];

/**
 * Writes the configuration that confines the engine to its folder.
 * @returns the path of its main file.
 */
export function writeEngineConfig(folder: string, grants = confinedGrants): string {
  makePrivateFolder(folder);
  const userFiles = join(folder, 'user-files');
  makePrivateFolder(userFiles);
  const users = join(folder, 'users.xml');
  const constraints = fixedSettings.map((name) => `<${name}><const/></${name}>`).join('');
  writePrivate(
    users,
    `<clickhouse>
  <profiles><default><constraints>${constraints}</constraints></default></profiles>
  <quotas><default/></quotas>
  <users><default>
    <password></password><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
    <grants>${grants.map((grant) => `<query>${grant}</query>`).join('')}</grants>
  </default></users>
</clickhouse>
`,
  );
  const main = resolve(folder, 'config.xml');
  writePrivate(
    main,
    `<clickhouse>
  <remote_url_allow_hosts></remote_url_allow_hosts>
  <user_files_path>${escaped(resolve(userFiles))}/</user_files_path>
  <users_config>${escaped(resolve(users))}</users_config>
  <access_control_improvements><table_engines_require_grant>true</table_engines_require_grant></access_control_improvements>
</clickhouse>
`,
  );
  return main;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
