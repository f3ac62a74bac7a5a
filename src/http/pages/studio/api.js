// One way to the server for everything: says who asks, waits out a lost connection, asks to sign in again.

import { byId, pause } from './dom.js';
import { authorization, expire, isSignedIn, signIn } from './session.js';

/** An answer that says no. `field`: the name of what is wrong, if the server says it. */
export class Refusal extends Error {
  constructor(answer, said) {
    super(words(answer, said));
    // The storage API answers 400 and says the true status in the body.
    this.status = Number(said.statusCode ?? said.status) || answer.status;
    this.field = said.details?.field;
    this.wait = Number(answer.headers.get('retry-after')) || 0;
  }

  get isForbidden() { return this.status === 401 || this.status === 403; }
}

function words(answer, said) {
  const text = [said.detail, said.message, said.error].find((text) => typeof text === 'string' && text);
  if (!text) return `The server answered ${answer.status}.`;
  const reason = typeof said.details?.reason === 'string' ? `: ${said.details.reason}` : '';
  if (/row-level security/.test(text)) return 'Your key or token may not do this here.';
  return text + reason;
}

/** The connection is gone, and it is not known whether the server heard. */
export class Lost extends Error {}

const safe = new Set(['GET', 'HEAD', 'PUT', 'DELETE']);
let healing = null;

/** Waits until the server answers again, and says so meanwhile. */
export function healed() {
  healing ??= heal().finally(() => { healing = null; });
  return healing;
}

async function heal() {
  byId('offline').hidden = false;
  for (let wait = 300; ; wait = Math.min(5000, wait * 2)) {
    await pause(wait);
    const answer = await fetch('/healthz', { cache: 'no-store' }).catch(() => null);
    if (answer?.ok) break;
  }
  byId('offline').hidden = true;
}

/** Whether a refusal is about the token and not about what was asked. */
const isExpiry = (refusal) => refusal.status === 401
  || (refusal.status === 403 && /jwt|exp\b|"exp"|token|signature/i.test(refusal.message));

const AGAIN = 'What you signed in with is not good any more. Sign in again: what you were doing goes on.';

/** What the server says of whatever was just pasted: null if it is good. */
export async function verify() {
  try {
    const answer = await fetch('/storage/v1/bucket?limit=1', { headers: authorization(), cache: 'no-store' });
    if (answer.ok) return null;
    return `The server does not accept it: ${new Refusal(answer, await answer.json().catch(() => ({}))).message}`;
  } catch {
    return 'The server cannot be reached. Try again in a moment.';
  }
}

/**
 * Asks the server. `body`: JSON; `again`: may be repeated although the method does not say so; `raw`: the answer itself.
 * @throws {Refusal|Lost}
 */
export async function call(method, path, { body, headers, signal, raw, again } = {}) {
  for (let tries = 0; ; tries += 1) {
    if (!isSignedIn()) await signIn(AGAIN, verify);
    const sent = { ...authorization(), ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
    let answer;
    try {
      answer = await fetch(path, { method, headers: sent, body: body === undefined ? undefined : JSON.stringify(body), signal, cache: 'no-store' });
    } catch (fault) {
      if (signal?.aborted) throw fault;
      const lost = healed();
      if (!safe.has(method) && !again) throw new Lost('The connection broke off. Look whether it was done before you try again.', { cause: fault });
      await lost;
      continue;
    }
    if (answer.ok) return raw ? answer : answer.status === 204 ? null : answer.json();
    const refusal = new Refusal(answer, await answer.clone().json().catch(() => ({})));
    // Some routes are for nobody's key in particular: only a token that is good nowhere has ended.
    if (!isExpiry(refusal) || tries > 1 || await verify() === null) throw refusal;
    expire();
  }
}

/** A path of these segments, whatever is in them. */
export const segments = (...names) => names.join('/').split('/').map(encodeURIComponent).join('/');
