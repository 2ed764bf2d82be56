import type { Routes } from '../context.ts';
import { addAbout } from './about.ts';
import { addDeadLetters } from './dead-letters.ts';
import { addEvents } from './events.ts';
import { addMessages } from './messages.ts';
import { addMrr } from './mrr.ts';
import { addReconcile } from './reconcile.ts';
import { addRuns } from './runs.ts';
import { addSql } from './sql.ts';
import { addStreams } from './streams.ts';

/** The functions that add the routes of the API. */
export const routes: readonly Routes[] = [
  addAbout,
  addEvents,
  addMrr,
  addSql,
  addDeadLetters,
  addReconcile,
  addRuns,
  addStreams,
  addMessages,
];
