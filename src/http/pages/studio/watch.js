// Jobs as they are now: told by the server's event stream, or asked for where the server has none.

import { eventsOf } from '/assets/events.js';
import { call, healed, verify } from './api.js';
import { pause } from './dom.js';
import { authorization, expire, isSignedIn, signIn } from './session.js';

/** Milliseconds between two questions: while something is under way, and else. */
const SOON = 1500;
const LATER = 8000;

export const isOver = (job) => ['completed', 'error'].includes(job.status);
export const stateOf = (job) => (job.state === 'cancelled' ? 'cancelled' : job.status);

/** Jobs by id, newest first; what is told late and is older than what is known changes nothing. */
export class Jobs {
  constructor(changed) {
    this.known = new Map();
    this.changed = changed;
  }

  take(told) {
    const id = told.job_id;
    const before = this.known.get(id);
    if (before && before.seq > told.seq) return;
    const job = { ...before, ...told };
    // Tried again, a job begins anew.
    if (!isOver(job)) for (const gone of ['state', 'error']) if (!(gone in told)) delete job[gone];
    this.known.set(id, job);
    this.changed(job, before);
  }

  get list() { return [...this.known.values()].sort((one, other) => (one.job_id < other.job_id ? 1 : -1)); }
}

/** Keeps `jobs` up to date until it is stopped. `user`: whose; none: everybody's that the key may see. Answers how to stop. */
export function watch(jobs, { user, limit = 60 } = {}) {
  const stopping = new AbortController();
  const { signal } = stopping;
  const path = `/api/avatars/jobs?${new URLSearchParams({ limit, ...(user ? { user_id: user } : {}) })}`;
  const refresh = async () => {
    const { jobs: rows } = await call('GET', path, { signal });
    rows.toReversed().forEach((row) => jobs.take(row));
  };
  const first = refresh();
  first.then(() => follow(jobs, refresh, signal), () => {});
  return { first, refresh, stop: () => stopping.abort() };
}

async function follow(jobs, refresh, signal) {
  for (let streams = true; !signal.aborted;) {
    try {
      if (streams) streams = await listen(jobs, refresh, signal);
      else {
        await pause(jobs.list.some((job) => !isOver(job)) ? SOON : LATER);
        if (!signal.aborted && !document.hidden) await refresh();
      }
    } catch {
      if (!signal.aborted) await pause(LATER);
    }
  }
}

/** Hears until the stream ends. Answers whether there is one for this key. */
async function listen(jobs, refresh, signal) {
  if (!isSignedIn()) await signIn('Sign in again to see how far the jobs are.', verify);
  const answer = await fetch('/api/avatars/events', { headers: authorization(), cache: 'no-store', signal }).catch(() => null);
  if (signal.aborted) return false;
  if (!answer) {
    await healed();
    return true;
  }
  if (!answer.ok) {
    if (answer.status === 401 && await verify() !== null) {
      expire();
      return true;
    }
    if (answer.status === 429 || answer.status >= 500) {
      await pause(LATER);
      return true;
    }
    return false;
  }
  await refresh();
  // A service key hears of everybody's, also where one user's are looked at.
  const others = new Set();
  try {
    for await (const { data } of eventsOf(answer.body)) {
      const told = JSON.parse(data);
      const id = told.job_id;
      if (!id || others.has(id)) continue;
      const isKnown = jobs.known.has(id);
      if (isKnown) jobs.take(told);
      // What is told of a job has neither its prompt nor its cost.
      if (!isKnown || isOver(told)) await refresh();
      if (!jobs.known.has(id)) others.add(id);
    }
  } catch {
    if (!signal.aborted) await healed();
  }
  await pause(300);
  return true;
}
