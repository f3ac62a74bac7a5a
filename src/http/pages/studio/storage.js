// The calls of the storage API and the operator's, by name.

import { call, segments } from './api.js';

const STORAGE = '/storage/v1';
export const at = (bucket, key) => `${encodeURIComponent(bucket)}/${segments(key)}`;

export const buckets = () => call('GET', `${STORAGE}/bucket`);
export const makeBucket = (body) => call('POST', `${STORAGE}/bucket`, { body });
export const changeBucket = (id, body) => call('PUT', `${STORAGE}/bucket/${encodeURIComponent(id)}`, { body });
export const removeBucket = (id) => call('DELETE', `${STORAGE}/bucket/${encodeURIComponent(id)}`);

/** One page: {folders, objects, hasNext, nextCursor}. */
export const list = (bucket, body, signal) => call('POST', `${STORAGE}/object/list-v2/${encodeURIComponent(bucket)}`, { body, signal, again: true });

export const move = (bucket, from, destination, key) => call('POST', `${STORAGE}/object/move`, {
  body: { bucketId: bucket, sourceKey: from, destinationKey: key, destinationBucket: destination },
});

/** Most objects of one request. */
const MOST = 1000;

/** Removes; answers the keys that are gone. */
export async function remove(bucket, keys) {
  const gone = [];
  for (let from = 0; from < keys.length; from += MOST) {
    const rows = await call('DELETE', `${STORAGE}/object/${encodeURIComponent(bucket)}`, { body: { prefixes: keys.slice(from, from + MOST) } });
    gone.push(...rows.map((row) => row.name));
  }
  return gone;
}

/** Seconds for which the server gives back what was deleted; 0: it does not. */
export const undoSeconds = () => Number(document.body.dataset.undo) || 0;

/** Whether the objects are kept here, where what retention removed is given back; not in front of an upstream. */
export const isOwn = () => document.body.dataset.store === 'own';

/** Brings back what was deleted: [{name, result}], where `result` is restored, newer or gone. */
export async function restore(bucket, keys, version) {
  const rows = [];
  for (let from = 0; from < keys.length; from += MOST) {
    rows.push(...await call('POST', `${STORAGE}/object/restore`, { body: { bucket, names: keys.slice(from, from + MOST), version } }));
  }
  return rows;
}

/** A URL that opens an object for `seconds`, whole. */
export async function sign(bucket, key, seconds) {
  const { signedURL } = await call('POST', `${STORAGE}/object/sign/${at(bucket, key)}`, { body: { expiresIn: seconds }, again: true });
  return publicUrl() + STORAGE + signedURL;
}

export async function signAll(bucket, keys, seconds) {
  const signed = [];
  for (let from = 0; from < keys.length; from += MOST) {
    signed.push(...await call('POST', `${STORAGE}/object/sign/${encodeURIComponent(bucket)}`, { body: { expiresIn: seconds, paths: keys.slice(from, from + MOST) }, again: true }));
  }
  return signed.map(({ path, signedURL, error }) => ({ key: path, url: signedURL && publicUrl() + STORAGE + signedURL, error }));
}

export const info = (bucket, key) => call('GET', `${STORAGE}/object/info/authenticated/${at(bucket, key)}`);

/** Whether everyone may read it. Asked without a key, as everyone would. */
export const isPublic = (bucket, key) => fetch(`${STORAGE}/object/info/public/${at(bucket, key)}`, { cache: 'no-store' }).then((answer) => answer.ok, () => false);

/** The bytes of an object, or of a rendering of it. */
export const bytes = (bucket, key, query, signal) => call('GET', query ? `${STORAGE}/render/image/authenticated/${at(bucket, key)}?${query}` : `${STORAGE}/object/authenticated/${at(bucket, key)}`, { raw: true, signal });

/** What links begin with that are given away: as it is configured, or else where this page is. */
export const publicUrl = () => (document.body.dataset.publicUrl || location.origin).replace(/\/$/, '');

/* The operator's. */

export const state = (bucket, key) => call('GET', `/admin/objects/${at(bucket, key)}`);
export const purge = (bucket, key) => call('DELETE', `${STORAGE}/cdn/${at(bucket, key)}`);
export const usage = () => call('GET', '/admin/usage?limit=20');

/** Warms; answers the summary. */
export async function warm(body) {
  const answer = await call('POST', '/admin/warm', { body, raw: true, again: true });
  const lines = (await answer.text()).trim().split('\n').map((line) => JSON.parse(line));
  return lines.at(-1)?.summary ?? null;
}
