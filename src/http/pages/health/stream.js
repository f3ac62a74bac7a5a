// The health of the server as it is told, once a second.

import { eventsOf } from '/assets/events.js';

/** Milliseconds before the first further try, and the longest. */
const FIRST = 1000;
const LONGEST = 15_000;

/** An answer that no further try makes better. */
export class Refused extends Error {}

/** Asks with the key; throws Refused where it is the key that is wrong. */
export async function ask(path, key, signal) {
  const headers = key ? { authorization: `Bearer ${key}` } : {};
  const answer = await fetch(path, { headers, signal, cache: 'no-store', credentials: 'omit' });
  if (answer.status === 401 || answer.status === 403) throw new Refused('This is no service key of this server, or it has expired.');
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    throw new Error(problem.detail ?? problem.message ?? `the server answered ${answer.status}`);
  }
  return answer;
}

const pause = (time, signal) => new Promise((resolve) => {
  const timer = setTimeout(resolve, time);
  signal.addEventListener('abort', () => { clearTimeout(timer); resolve(); }, { once: true });
});

/**
 * Listens until `signal` says stop or the key is refused; a lost connection is opened again.
 * `told`: {opened(), event(name, data), lost(reason)}.
 */
export async function listen(path, key, signal, told) {
  let wait = FIRST;
  while (!signal.aborted) {
    let reason = 'The connection is lost';
    try {
      const { body } = await ask(path, key, signal);
      await told.opened();
      for await (const { event, data } of eventsOf(body)) {
        wait = FIRST;
        told.event(event, JSON.parse(data));
      }
    } catch (fault) {
      if (fault instanceof Refused) throw fault;
      if (!(fault instanceof TypeError)) reason = fault.message;
    }
    if (signal.aborted) return;
    told.lost(reason);
    await pause(wait, signal);
    wait = Math.min(wait * 2, LONGEST);
  }
}
