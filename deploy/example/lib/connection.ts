// Whether tintype can be reached: shown while it cannot, and found again by itself.

import { Store } from './store';
import { TINTYPE } from './tintype';

export interface Connection {
  isLost: boolean;
  /** How often it was found again: what was missed is then loaded. */
  healed: number;
}

export const WHOLE: Connection = { isLost: false, healed: 0 };
export const connection = new Store(WHOLE);

/** Milliseconds. */
const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 5_000;
const PATIENCE = 5_000;

const pause = (milliseconds: number) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

async function answers(): Promise<boolean> {
  try {
    await fetch(`${TINTYPE}/storage/v1/status`, { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE) });
    return true;
  } catch {
    return false;
  }
}

let isLooking = false;

/** Something went wrong that may have been the connection. */
export async function suspect(): Promise<void> {
  if (isLooking) return;
  isLooking = true;
  for (let wait = FIRST_WAIT; !await answers(); wait = Math.min(LONGEST_WAIT, wait * 1.5)) {
    if (!connection.get().isLost) connection.set({ ...connection.get(), isLost: true });
    await pause(wait);
  }
  isLooking = false;
  const { isLost, healed } = connection.get();
  if (isLost) connection.set({ isLost: false, healed: healed + 1 });
}
