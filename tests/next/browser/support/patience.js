// How long the tests wait, and asking until something holds.

import { setTimeout as pause } from 'node:timers/promises';

/** Milliseconds; longer than anything takes that is to come, on a slow machine with other work to do too. */
export const PATIENCE = 60_000;
/** Milliseconds between two looks. */
const LOOKS = 50;

/** Looks again until `look` throws nothing any more, and answers what it answers. Where that never comes, its fault is told. */
export async function eventually(look) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    try {
      return await look();
    } catch (fault) {
      if (Date.now() > end) throw fault;
    }
    await pause(LOOKS);
  }
}
