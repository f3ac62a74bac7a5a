// What is said in passing: notices with an action, and words for screen readers.

import { button, byId, make } from './dom.js';
import { OtherPerson } from './session.js';

/** Milliseconds for which a notice stays. */
const STAYS = 7000;

export function say(text) {
  byId('said').textContent = '';
  // The same words again are an event again.
  requestAnimationFrame(() => { byId('said').textContent = text; });
}

/** Shows a notice. `actions`: [words, act] pairs; `stays`: milliseconds, Infinity until it is closed. Answers {close}. */
export function notice(text, { actions = [], stays = STAYS, kind = '' } = {}) {
  const close = () => {
    clearTimeout(timer);
    shown.remove();
    if (!byId('notices').firstChild && byId('notices').matches(':popover-open')) byId('notices').hidePopover();
  };
  const buttons = actions.map(([words, act]) => button(words, () => { close(); return act(); }));
  const shown = make('div', { class: `told ${kind}` }, make('p', {}, text), ...buttons, button('×', close, { 'aria-label': 'Close this notice', class: 'plain' }));
  const place = byId('notices');
  place.append(shown);
  // Above whichever dialog was opened last.
  if (place.matches(':popover-open')) place.hidePopover();
  place.showPopover();
  const timer = Number.isFinite(stays) ? setTimeout(close, stays) : 0;
  say(text);
  return { close, element: shown };
}

/** A fault of something that somebody asked for. */
export function complain(fault, what = '') {
  if (fault.name === 'AbortError' || fault instanceof OtherPerson) return;
  notice([what, fault.message].filter(Boolean).join(': '), { kind: 'bad', stays: 15_000 });
}

/** An act that complains where it fails. */
export const complaining = (act, what) => async (...args) => {
  try {
    return await act(...args);
  } catch (fault) {
    complain(fault, what);
    return undefined;
  }
};
