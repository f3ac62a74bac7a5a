// What an app does to get an avatar, through supabase-js as it comes from npm.

import assert from 'node:assert/strict';
import { createClient } from '@supabase/supabase-js';
import ws from 'ws';
import { subscribe } from '../realtime/support/channels.js';
import { ANON } from './tokens.js';

export const EVENT = 'avatar_generation_progress';
export const FUNCTION = 'generate-kinkster-avatar';
export const BUCKET = 'kinkster-avatars';
export const STATUSES = ['generating', 'downloading', 'uploading', 'completed'];

/** How the app joins. */
export const PRIVATE = { private: true, broadcast: { self: true, ack: true } };

const apps = new Set();

/** supabase-js as an app makes it, signed in as `user` by a token of the app's own. */
export function appOf(url, user, { vsn } = {}) {
  const app = createClient(url, ANON, {
    ...(user ? { accessToken: async () => user.token } : {}),
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
    realtime: { transport: ws, ...(vsn ? { vsn } : {}) },
  });
  apps.add(app);
  return app;
}

/** Ends every client of a test. */
export async function closeApps() {
  for (const app of apps) {
    await app.removeAllChannels();
    app.realtime.disconnect();
  }
  apps.clear();
}

export const userTopic = (user) => `user:${user.id}:avatar`;
export const kinksterTopic = (id) => `kinkster:${id}:avatar`;

/** Joins as the app does, and must be let in. */
export async function join(app, topic) {
  // As Supabase's own guide says: the first join then carries the user's token.
  await app.realtime.setAuth();
  const joined = await subscribe(app, topic, PRIVATE);
  assert.equal(joined.first.status, 'SUBSCRIBED', `${topic}: ${joined.first.error?.message}`);
  return joined;
}

/** Invokes the function; its data, which must be no refusal. */
export async function invoke(app, user, body = {}) {
  const { data, error } = await app.functions.invoke(FUNCTION, {
    body: { user_id: user.id, character_data: { name: 'Rook', archetype: 'Captain' }, ...body },
  });
  assert.equal(error, null, error && await error.context?.text?.());
  return data;
}

/** Every payload that is heard of a job, up to its end. */
export async function heardOf(heard, jobId) {
  const told = [];
  for (;;) {
    const { event, payload } = await heard.next(`a state of the job, after ${told.map(({ status }) => status)}`);
    assert.equal(event, EVENT);
    if (jobId && payload.job_id !== jobId) continue;
    told.push(payload);
    if (['completed', 'error'].includes(payload.status)) return told;
  }
}

/** The states without repetitions: waiting and being painted are both `generating`. */
export const statuses = (told) => told.map(({ status }) => status).filter((status, at, all) => status !== all[at - 1]);

/** Asserts what is true of whatever is told of one job. */
export function assertWellTold(told) {
  for (const [at, payload] of told.entries()) {
    assert.match(payload.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.ok(payload.message && typeof payload.message === 'string');
    assert.ok(payload.progress >= 0 && payload.progress <= 1);
    assert.equal(payload.job_id, told[0].job_id);
    assert.ok(at === 0 || payload.seq > told[at - 1].seq, `${told.map(({ seq }) => seq)}`);
    assert.equal(payload.storage_url !== undefined, payload.status === 'completed');
    assert.equal(typeof payload.error, payload.status === 'error' ? 'string' : 'undefined');
  }
}

/** How functions-js tells a refusal: {status, body, headers} of its context. */
export async function refusalOf(invoked) {
  const { data, error } = await invoked;
  assert.equal(data, null);
  assert.equal(error.name, 'FunctionsHttpError');
  return { status: error.context.status, body: await error.context.json(), headers: error.context.headers };
}

export { subscribe };
