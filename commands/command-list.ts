interface CommandEntry {
  readonly about: string;
  /** Runs the command with the arguments of the process. */
  readonly run: () => Promise<unknown>;
}

/** The commands of the package, by name. In a checkout, `npm run` starts each command directly. */
export const commandList: Readonly<Record<string, CommandEntry>> = {
  demo: {
    about: 'runs the whole pipeline on this machine with simulated customers',
    run: () => import('./demo.ts'),
  },
  services: {
    about: 'runs Kafka, a schema registry and ClickHouse on this machine',
    run: () => import('../services/main.ts'),
  },
  simulate: {
    about: 'simulates a ChartMogul account and its API on this machine',
    run: () => import('../simulator/main.ts'),
  },
  ping: { about: 'checks the ChartMogul key and the services', run: () => import('./ping.ts') },
  produce: { about: 'copies ChartMogul to Kafka', run: () => import('./produce.ts') },
  sink: { about: 'copies Kafka to ClickHouse', run: () => import('./sink.ts') },
  replay: { about: 'rebuilds tables from their topics', run: () => import('./replay.ts') },
  status: { about: 'shows every stream and what needs attention', run: () => import('./status.ts') },
  show: { about: 'serves the dashboard', run: () => import('./show.ts') },
  query: { about: 'runs SQL or a ready-made question', run: () => import('./query.ts') },
  mcp: { about: 'gives assistants read-only access to the pipeline', run: () => import('./mcp.ts') },
  assistant: { about: 'prepares a project for an assistant', run: () => import('./assistant.ts') },
  export: { about: 'writes the views to files, DuckDB, PostgreSQL or S3', run: () => import('./export.ts') },
  reconcile: {
    about: 'compares source, topics, tables and views, and repairs tables',
    run: () => import('./reconcile.ts'),
  },
  import: { about: 'imports records into ChartMogul', run: () => import('./import.ts') },
  webhook: { about: 'receives MRR movements that ChartMogul sends', run: () => import('./webhook.ts') },
  'dead-letters': {
    about: 'lists, redrives or discards rejected records and messages',
    run: () => import('./dead-letters.ts'),
  },
};
