import type { Routes } from '../context.ts';
import { addAbout } from './about.ts';
import { addDeadLetters } from './dead-letters.ts';
import { addEvents } from './events.ts';
<<<<<<< HEAD
import { addMrr } from './mrr.ts';

/** The routes of all pages, one function for each. */
export const routes: readonly Routes[] = [addAbout, addEvents, addMrr];
=======
import { addReconcile } from './reconcile.ts';

/** The routes of all pages, one function for each. */
export const routes: readonly Routes[] = [addAbout, addEvents, addDeadLetters, addReconcile];
>>>>>>> 2d973c0 (show: dead letters are listed, redriven and discarded, and reconcile runs, in the browser)
