// Who is signed in. What they signed in with is in this module's memory alone: no storage, no cookie, no URL.

import { byId, judge } from './dom.js';
import { read } from './tokens.js';

const held = { secret: null, apikey: null, until: 0 };

/** `operates`: whether the server lets this key do the operator's work; it is asked. */
export const who = { role: null, user: null, name: '', operates: false };

/** Somebody else came back to a page that had expired. */
export class OtherPerson extends Error {}

let asking = null;

export const isSignedIn = () => held.secret !== null && Date.now() < held.until;

export function authorization() {
  return { authorization: `Bearer ${held.secret}`, ...(held.apikey ? { apikey: held.apikey } : {}) };
}

/** Said by the server: what is held is not believed, or not any more. */
export function expire() { held.until = 0; }

export function forget() {
  Object.assign(held, { secret: null, apikey: null, until: 0 });
  Object.assign(who, { role: null, user: null, name: '', operates: false });
}

/** Waits until somebody is signed in. `verify`: asks the server whether it believes what is held; answers what is wrong. */
export function signIn(why, verify) {
  asking ??= ask(why, verify).finally(() => { asking = null; });
  return asking;
}

function ask(why, verify) {
  const before = who.role && { role: who.role, user: who.user };
  const place = before ? openAgain() : openDoor();
  byId('sign-in-why').hidden = !why;
  byId('sign-in-why').textContent = why ?? '';
  byId('sign-in-never').hidden = !before;
  byId('key').focus();
  return new Promise((resolve, reject) => {
    const over = new AbortController();
    const end = (settle) => (value) => {
      over.abort();
      byId('sign-in').reset();
      place.close();
      settle(value);
    };
    const given = async (event) => {
      event.preventDefault();
      if (!(await take(verify))) return;
      const same = !before || (before.role === who.role && before.user === who.user);
      if (same) end(resolve)();
      else other(end(reject), 'Somebody else is signed in now.');
    };
    byId('sign-in').addEventListener('submit', given, { signal: over.signal });
    byId('sign-in-never').addEventListener('click', () => other(end(reject), 'Signed out.'), { signal: over.signal });
  });
}

/** What was seen and held is not for whoever is here now: the page is told to begin anew. */
function other(end, words) {
  forget();
  end(new OtherPerson(words));
  window.dispatchEvent(new Event('other-person'));
}

/** Takes what is in the form; answers whether it is good. */
async function take(verify) {
  const [input, apikey, submit] = [byId('key'), byId('apikey').value.trim(), byId('sign-in').querySelector('[type=submit]')];
  const told = read(input.value);
  if (!judge(input, told.fault)) {
    input.focus();
    return false;
  }
  const kept = { ...held };
  Object.assign(held, { secret: told.secret, apikey: apikey || null, until: told.until });
  submit.disabled = true;
  const fault = await verify().finally(() => { submit.disabled = false; });
  if (!judge(input, fault)) {
    Object.assign(held, kept);
    input.focus();
    return false;
  }
  Object.assign(who, { role: told.role, user: told.user, name: told.name });
  return true;
}

function openDoor() {
  byId('door').hidden = false;
  byId('desk').hidden = true;
  return { close: () => { byId('door').hidden = true; } };
}

/** The same form over the work that goes on afterwards. */
function openAgain() {
  const dialog = document.createElement('dialog');
  dialog.className = 'small';
  dialog.setAttribute('aria-label', 'Sign in again');
  dialog.addEventListener('cancel', (event) => event.preventDefault());
  const home = byId('sign-in').parentElement;
  dialog.append(byId('sign-in'));
  document.body.append(dialog);
  dialog.showModal();
  return {
    close: () => {
      home.append(byId('sign-in'));
      dialog.close();
      dialog.remove();
    },
  };
}
