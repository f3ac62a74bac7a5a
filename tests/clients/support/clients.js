// The real clients, as apps make them.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createClient } from '@supabase/supabase-js';
import { StorageClient } from '@supabase/storage-js';
import ws from 'ws';
import { ANON, SERVICE } from './tokens.js';

const fixtures = resolve(import.meta.dirname, '../../../fixtures');

// Node 20 has no WebSocket, and the client wants one even where nobody uses it.
const OPTIONS = {
  auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
  realtime: { transport: ws },
};

/** supabase-js with this key and nobody signed in: what is answered is its `storage`. */
export const withKey = (url, key) => createClient(url, key, OPTIONS).storage;

/** supabase-js of the service role. */
export const asService = (url) => withKey(url, SERVICE);

/** supabase-js of whoever opens the page. */
export const asAnyone = (url) => withKey(url, ANON);

/** supabase-js of a signed-in user: `apikey` is the page's, the Bearer the user's. */
export const signedIn = (url, token, key = ANON) =>
  createClient(url, key, { ...OPTIONS, accessToken: async () => token }).storage;

/** storage-js alone: it sends only the headers that it is given. */
export const storageAlone = (url, headers = {}) => new StorageClient(`${url}/storage/v1`, headers);

/** The data of an answer that must be no refusal. */
export function ok({ data, error }) {
  assert.equal(error, null, error && `${error.status} ${error.statusCode} ${error.message}`);
  return data;
}

/** Asserts a refusal as the client tells it: HTTP status, the envelope's `statusCode`, the message. */
export function assertRefused({ data, error }, statusCode, message, status = 400) {
  assert.equal(data, null, `refused with ${statusCode}: ${JSON.stringify(data)}`);
  const told = { name: error.name, status: error.status, statusCode: error.statusCode, message: error.message };
  if (message instanceof RegExp) {
    assert.match(error.message, message);
    delete told.message;
  }
  const expected = { name: 'StorageApiError', status, statusCode };
  assert.deepEqual(told, message instanceof RegExp ? expected : { ...expected, message });
}

/** A bucket's name that no other test has. */
export const fresh = (name) => `${name}-${randomBytes(6).toString('hex')}`;

/** Makes a bucket for one test and removes it after the test with all that is in it. Answers its name. */
export async function makeBucket(test, service, options = { public: false }) {
  const bucket = fresh('clients');
  ok(await service.createBucket(bucket, options));
  test.after(async () => {
    ok(await service.emptyBucket(bucket));
    ok(await service.deleteBucket(bucket));
  });
  return bucket;
}

export const fixture = (name) => readFileSync(resolve(fixtures, name));

/** Bytes of a Blob. */
export const bytes = async (blob) => Buffer.from(await blob.arrayBuffer());

/** [width, height] of a PNG, by its header. */
export function pngSize(picture) {
  assert.equal(picture.subarray(1, 4).toString('latin1'), 'PNG');
  return [picture.readUInt32BE(16), picture.readUInt32BE(20)];
}

/** Fetches a URL: {status, headers, body}. */
export async function get(url, headers = {}) {
  const answer = await fetch(url, { headers });
  return { status: answer.status, headers: answer.headers, body: Buffer.from(await answer.arrayBuffer()) };
}

/** Fetches a URL that must answer 200. */
export async function shown(url, headers = {}) {
  const answer = await get(url, headers);
  assert.equal(answer.status, 200, `${url}: ${answer.body.subarray(0, 300)}`);
  return answer;
}
