import { ServiceRefusedError } from '../errors.ts';

/** A node of a statement, as the server's own `EXPLAIN AST` prints it. */
interface StatementNode {
  /** `Function url (children 1)` */
  readonly label: string;
  readonly parent: StatementNode | undefined;
  readonly children: StatementNode[];
}

/**
 * Returns the nodes of a statement; the first is the root.
 * @param text the response to `EXPLAIN AST`: a line per node, indented one space more than its
 *   parent.
 * @throws ServiceRefusedError if the text is not exactly one complete tree, because a setting such
 *   as `limit` truncated it or a name breaks its format.
 */
export function parseStatementTree(text: string): readonly StatementNode[] {
  const nodes: StatementNode[] = [];
  const path: StatementNode[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const label = line.trimStart();
    path.length = Math.min(path.length, line.length - label.length);
    const node: StatementNode = { label, parent: path.at(-1), children: [] };
    node.parent?.children.push(node);
    path.push(node);
    nodes.push(node);
  }
  const roots = nodes.filter(({ parent }) => parent === undefined);
  if (roots.length !== 1 || roots[0] !== nodes[0] || text.startsWith(' ') || !nodes.every(isWhole))
    throw new ServiceRefusedError(
      'the statement cannot be checked: it has SETTINGS that truncate results, or unusual names',
    );
  return nodes;
}

function words(text: string): readonly string[] {
  return text.split(/\s+/);
}

function isWhole({ label, children }: StatementNode): boolean {
  return Number(/\(children (\d+)\)$/.exec(label)?.[1] ?? 0) === children.length;
}

/** Returns the kind of a node, such as `SelectWithUnionQuery`, `Function` or `Set`. */
function kindOf(node: StatementNode | undefined): string {
  return node?.label.split(' ', 1)[0] ?? '';
}

function nameOf({ label }: StatementNode): string {
  return label.split(' ', 2)[1] ?? '';
}

/** Table functions that stay within the database. */
const internalTableFunctions = new Set(
  words(`numbers numbers_mt zeros zeros_mt primes generaterandom generateseries generate_series values
    null view viewifpermitted viewexplain merge mergetreeindex mergetreeprojection mergetreetextindex
    mergetreeanalyzeindexes`),
);

const externalScalars = words('file catboostevaluate aigenerate aiclassify aiembed aiextract aitranslate');

/** Functions and table functions that read files or reach hosts. IN accepts table functions too. */
const externalFunctions = new Set([
  ...externalScalars,
  ...words(`eval url urlcluster filecluster filesystem executable remote remotesecure cluster
    clusterallreplicas s3 s3cluster gcs oss cosn hdfs hdfscluster azureblobstorage
    azureblobstoragecluster mysql postgresql mongodb redis sqlite odbc jdbc input dictionary loop
    iceberg iceberglocal deltalake deltalakelocal hudi paimon ytsaurus`),
]);

/** Engines that do not reach outside the database. Kafka is a deliberate exception. */
export const internalEngines =
  words(`MergeTree ReplacingMergeTree SummingMergeTree AggregatingMergeTree CollapsingMergeTree
    VersionedCollapsingMergeTree GraphiteMergeTree CoalescingMergeTree Log TinyLog StripeLog Memory
    Null Set Join Buffer Merge GenerateRandom View MaterializedView Kafka Alias`);
const allowedEngines = new Set([...internalEngines, 'Atomic', 'Ordinary', 'ReplicatedMergeTree']);

/** Functions whose first argument is a list of columns, which may contain expressions. */
const structured = new Set(['values', 'null', 'generaterandom']);
const withExpression = /\b(default|materialized|ephemeral|alias)\b/i;

/**
 * Returns the part of a statement that reads or writes outside the database; undefined if there is
 * none.
 * @param canonical the same statement, printed by the server's `formatQuerySingleLine`.
 */
export function externalAccessOf(nodes: readonly StatementNode[], canonical: string): string | undefined {
  const [found] = nodes.flatMap((node) => externalAccessAt(node) ?? []);
  return found ?? unseenExternalAccess(nodes, canonical);
}

/** Nodes whose content the tree omits: the function in APPLY, and WHERE and LIMIT in SHOW. */
const opaque = new Set(['ColumnsApplyTransformer', 'ShowTables', 'ShowColumns']);
/** The tree also omits the expression before an asterisk, and the assignments of a TTL. */
const qualifiedAsterisk = /[^\w\s`".(,]\s*\.\s*\*/;
const functionPlace = /(?:\bAPPLY |\()`?(\w+)|\b(\w+)`?(?=\()/gi;

/** Matches {@link secretTables} in a statement's text. */
const secretNames = /\bsystem`?\s*\.\s*`?(?:users|named_collections|user_directories|zookeeper\w*)/i;

/** Returns whether the tree omits a part of this text. Runs in linear time. */
function hasUnprinted(canonical: string): boolean {
  const ttl = canonical.search(/\bTTL\b/i);
  return qualifiedAsterisk.test(canonical) || (ttl >= 0 && /\bSET\b/i.test(canonical.slice(ttl)));
}

/**
 * If the tree omits a part of the text, returns the external function, secret table or unseen
 * SELECT that the text contains; undefined if there is none.
 */
function unseenExternalAccess(nodes: readonly StatementNode[], canonical: string): string | undefined {
  if (!nodes.some((node) => opaque.has(kindOf(node))) && !hasUnprinted(canonical)) return undefined;
  const selects = canonical.match(/\bselect\b/gi) ?? [];
  if (selects.length > nodes.filter((node) => kindOf(node) === 'SelectQuery').length)
    return 'a SELECT that cannot be checked (in APPLY, SHOW or TTL)';
  const [secret] = secretNames.exec(canonical) ?? [];
  if (secret !== undefined) return `${secret.replaceAll('`', '')} together with APPLY, SHOW or TTL`;
  const names = Array.from(canonical.matchAll(functionPlace), ([, first, second]) => first ?? second ?? '');
  const external = names.find(
    (name) => externalFunctions.has(name.toLowerCase()) || /^(?:format|merge)$/i.test(name),
  );
  return external === undefined ? undefined : `"${external}" together with APPLY, SHOW or TTL`;
}

function externalAccessAt(node: StatementNode): string | undefined {
  if (node.label.startsWith('Dictionary definition')) return 'the source of a dictionary';
  if (kindOf(node) !== 'Function') return undefined;
  const name = nameOf(node);
  const lower = name.toLowerCase();
  const { parent } = node;
  if (parent?.label.startsWith('Storage definition') === true && parent.children[0] === node)
    return allowedEngines.has(name) ? undefined : `engine ${name}`;
  const isTable = ['TableExpression', 'InsertQuery', 'CreateQuery', 'AttachQuery', 'Explain'].includes(
    kindOf(parent),
  );
  if (isTable && !internalTableFunctions.has(lower) && !isParameterizedView(name))
    return `table function ${name}`;
  if (externalFunctions.has(lower)) return `function ${name}`;
  // `arrayMap(file, …)` accepts a function by name.
  const [first, ...others] = node.children[0]?.children ?? [];
  const isFunctionName = /^(array|map)/.test(lower) && kindOf(first) === 'Identifier' && others.length > 0;
  if (first !== undefined && isFunctionName && externalScalars.includes(nameOf(first).toLowerCase()))
    return `function ${nameOf(first)}`;
  // In `x IN format(…)`, `format` is the table function.
  const caller = parent?.parent;
  if (lower === 'format' && caller && kindOf(caller) === 'Function' && /in$/i.test(nameOf(caller)))
    return `table function ${name}`;
  if (structured.has(lower) && !isPlainStructure(first)) return `an expression in the columns of ${name}`;
  if (
    lower === 'merge' &&
    /^(?:Literal '|Identifier )system\b|^(?!Literal|Identifier)/i.test(first?.label ?? '')
  )
    return `table function ${name} of system tables`;
  return undefined;
}

/**
 * Returns whether a table function's name can only be that of a view with parameters: unlike names
 * of the server's table functions, it contains a dot or, like the sink's views, ends with `_at`.
 */
function isParameterizedView(name: string): boolean {
  return name.includes('.') || name.endsWith('_at');
}

function isPlainStructure(first: StatementNode | undefined): boolean {
  if (first === undefined) return true;
  const isText = ['Literal', 'Identifier'].includes(kindOf(first)) && !withExpression.test(first.label);
  return isText || first.label.startsWith('Function tuple');
}

const reading = new Set(
  words(`SelectWithUnionQuery SelectIntersectExceptQuery SelectQuery Explain DescribeQuery
    ExistsTableQuery ExistsDatabaseQuery ExistsViewQuery ExistsDictionaryQuery ShowTables ShowColumns
    ShowIndexes ShowFunctions ShowCreateTableQuery ShowCreateDatabaseQuery ShowCreateViewQuery
    ShowCreateDictionaryQuery ShowProcesslistQuery ShowGrantsQuery ShowEngineQuery ShowEnginesQuery
    ShowSetting ShowSettingQuery ShowPrivilegesQuery`),
);

/** System tables that show credentials, or the content of any ZooKeeper path. */
const secretTables = /^system\.(users|named_collections|user_directories|zookeeper\w*)$/i;

/** Returns why a statement does more than read the database; undefined if it only reads. */
export function whyNotReadOnly(nodes: readonly StatementNode[], canonical: string): string | undefined {
  const [root] = nodes;
  if (root === undefined || !reading.has(kindOf(root)))
    return 'only SELECT, WITH, SHOW, DESCRIBE, EXPLAIN and EXISTS are allowed';
  for (const node of nodes) {
    const { parent } = node;
    const kind = kindOf(node);
    // In `EXPLAIN actions = 1 SELECT …`, the first child contains the settings of EXPLAIN itself.
    if (kind === 'Set' && !(kindOf(parent) === 'Explain' && parent?.children[0] === node))
      return 'SETTINGS are not allowed, because they could lift the limits of the query';
    // A condition or LIMIT of a SELECT may be a literal directly below its SelectQuery.
    if (node.label.startsWith("Literal '") && kindOf(parent) !== 'SelectQuery' && reading.has(kindOf(parent)))
      return 'INTO OUTFILE is not allowed: redirect the output';
    if (kindOf(parent) === 'Explain' && /Query/.test(kind) && !reading.has(kind))
      return 'EXPLAIN is allowed only for statements that only read';
    const [, second = ''] = node.label.split(' ', 2);
    // A table after IN is an Identifier.
    if (/^(Table)?Identifier$/.test(kind) && secretTables.test(second.replaceAll('`', '')))
      return `${second} is not readable here, because it shows credentials`;
  }
  const access = externalAccessOf(nodes, canonical);
  return access === undefined ? undefined : `${access} reaches outside the database`;
}
