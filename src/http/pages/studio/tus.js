// Resumable uploads by TUS 1.0.0, as much of it as a browser needs: begin, send, ask where it stands, go on, give up.

import { Refusal } from './api.js';
import { authorization } from './session.js';

/** Bytes of a part: what is sent twice at most where a connection breaks off without a word. */
const PART = 6 * 1024 * 1024;
const BEGIN = '/storage/v1/upload/resumable';
const VERSION = { 'tus-resumable': '1.0.0' };

function base64(text) {
  const bytes = new TextEncoder().encode(text);
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}

const metadata = (pairs) => Object.entries(pairs).map(([name, value]) => `${name} ${base64(value)}`).join(',');

/** The connection broke off, or was stopped. */
export class Broken extends Error {}

function refusal(status, text, header) {
  let said = {};
  try {
    said = JSON.parse(text);
  } catch { said = { message: text.trim() }; }
  return new Refusal({ status, headers: { get: header } }, said);
}

async function asked(method, path, headers, signal) {
  let answer;
  try {
    answer = await fetch(path, { method, headers: { ...authorization(), ...VERSION, ...headers }, signal, cache: 'no-store' });
  } catch (fault) {
    throw new Broken(fault.message);
  }
  if (!answer.ok) throw refusal(answer.status, await answer.text(), (name) => answer.headers.get(name));
  return answer;
}

/** Begins; answers where the upload is. The address that is told may be under another of the server's names. */
export async function begin({ bucket, key, type, size, upsert }, signal) {
  const answer = await asked('POST', BEGIN, {
    'upload-length': String(size),
    'upload-metadata': metadata({ bucketName: bucket, objectName: key, contentType: type, cacheControl: '3600' }),
    'x-upsert': String(upsert),
  }, signal);
  return new URL(answer.headers.get('location'), location.href).pathname;
}

/** How many bytes are there. */
export async function standing(place, signal) {
  const answer = await asked('HEAD', place, {}, signal);
  return Number(answer.headers.get('upload-offset'));
}

export const giveUp = (place) => asked('DELETE', place, {}).catch(() => {});

/** Sends the rest from `offset` on, part by part. `sent(bytes)`: how many are there as far as is known. */
export async function send(place, file, offset, sent, signal) {
  for (let at = offset; at < file.size || file.size === 0;) {
    at = await part(place, file.slice(at, at + PART), at, sent, signal);
    sent(at);
    if (file.size === 0) break;
  }
}

/** One part. XMLHttpRequest, for `fetch` does not tell how much was sent. */
function part(place, bytes, offset, sent, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    const broken = () => reject(new Broken('The connection broke off'));
    signal.addEventListener('abort', stop, { once: true });
    request.open('PATCH', place);
    const headers = { ...authorization(), ...VERSION, 'content-type': 'application/offset+octet-stream', 'upload-offset': String(offset) };
    Object.entries(headers).forEach(([name, value]) => request.setRequestHeader(name, value));
    request.upload.onprogress = (event) => sent(offset + event.loaded);
    request.onerror = broken;
    request.onabort = broken;
    request.onload = () => {
      if (request.status < 300) resolve(Number(request.getResponseHeader('upload-offset')));
      else reject(refusal(request.status, request.responseText, (name) => request.getResponseHeader(name)));
    };
    request.onloadend = () => signal.removeEventListener('abort', stop);
    if (signal.aborted) broken();
    else request.send(bytes);
  });
}
