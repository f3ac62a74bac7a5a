// What changes objects: other names, removal that can be taken back for a while, links for many, warming.

import { bytesText } from '../figures.js';
import { button, choices, copy, field, judge, make } from './dom.js';
import { form, open } from './dialogs.js';
import { complain, complaining, notice } from './notices.js';
import * as storage from './storage.js';

/** Milliseconds for which a removal is held back where the server does not give back what it removed. */
const HELD = 8000;
/** Most milliseconds for which Undo is offered, and those before the server's time is over. */
const OFFERED = 30_000;
const MARGIN = 1000;

/** Keys by bucket that are to be removed, or just were. */
const going = new Map();
let held = 0;
/** What leaving the page now would leave undone. */
window.addEventListener('beforeunload', (event) => { if (held) event.preventDefault(); });

export function deleting(bucket) {
  if (!going.has(bucket)) going.set(bucket, new Set());
  return going.get(bucket);
}

/** Removes so that it can be taken back. `changed`: called when rows go, or come back. */
export function removeWithUndo(bucket, rows, changed) {
  const keys = rows.map((row) => row.key);
  const hidden = deleting(bucket);
  keys.forEach((key) => hidden.add(key));
  const what = keys.length === 1 ? rows[0].name : `${keys.length} objects`;
  const shown = (back) => {
    back.forEach((key) => hidden.delete(key));
    changed();
  };
  changed();
  return (storage.undoSeconds() ? removeNow : removeLater)({ bucket, keys, what, shown });
}

/** Removes, and shows again what stays. Answers what is gone. */
async function send({ bucket, keys, what, shown }) {
  try {
    const gone = new Set(await storage.remove(bucket, keys));
    const kept = keys.filter((key) => !gone.has(key));
    if (kept.length) {
      notice(`${kept.length === 1 ? kept[0] : `${kept.length} objects`} could not be deleted: gone already, or not yours to delete.`, { kind: 'bad', stays: 15_000 });
      shown(kept);
    }
    return [...gone];
  } catch (fault) {
    complain(fault, `${what} could not be deleted`);
    shown(keys);
    return [];
  }
}

/** The server gives it back for a while. */
async function removeNow(removal) {
  const gone = await send(removal);
  if (!gone.length) return;
  const undo = complaining(async () => removal.shown(await bringBack(removal.bucket, gone)), `${removal.what} could not be brought back`);
  const stays = Math.max(MARGIN, Math.min(OFFERED, storage.undoSeconds() * 1000 - MARGIN));
  notice(`Deleted ${removal.what}.`, { stays, actions: [['Undo', undo]] });
}

/** Brings back what was deleted, and says what cannot be. Answers the keys that are back. */
export async function bringBack(bucket, keys, version) {
  const rows = await storage.restore(bucket, keys, version);
  const of = (result) => rows.filter((row) => row.result === result).map((row) => row.name);
  const counted = (names) => (names.length === 1 ? names[0] : `${names.length} objects`);
  const [newer, gone, back] = ['newer', 'gone', 'restored'].map(of);
  if (newer.length) notice(`${counted(newer)} stays deleted: something else has that name by now.`, { kind: 'bad', stays: 15_000 });
  if (gone.length) notice(`${counted(gone)} could not be brought back: the time for that is over, or it is back already.`, { kind: 'bad', stays: 15_000 });
  return back;
}

/** Nothing is sent until it cannot be taken back any more. */
function removeLater(removal) {
  held += 1;
  let isOver = false;
  const end = () => {
    if (isOver) return false;
    isOver = true;
    held -= 1;
    clearTimeout(timer);
    return true;
  };
  const told = notice(`Deleting ${removal.what}.`, { stays: Infinity, actions: [['Undo', () => { if (end()) removal.shown(removal.keys); }]] });
  const timer = setTimeout(async () => {
    if (!end()) return;
    told.close();
    await send(removal);
  }, HELD);
}

/** A removed key that is stored again is there again. */
export const isBack = (bucket, key) => deleting(bucket).delete(key);

function nameFault(key) {
  if (!key) return 'A name is needed.';
  if (key.startsWith('/') || key.endsWith('/') || key.includes('//')) return 'Folders need names: no slash at the ends, and no two in a row.';
  if (key.split('/').some((part) => part === '.' || part === '..')) return '“.” and “..” are no names.';
  return new TextEncoder().encode(key).length > 1024 ? 'The name is too long: 1024 bytes at most.' : null;
}

/** Asks for another name or folder. Answers the new key, if there is one. */
export function rename(bucket, row) {
  const name = make('input', { type: 'text', value: row.key, autofocus: true, spellcheck: 'false' });
  const hint = 'The whole name, folders included. In public buckets the old URL stops working.';
  return form('Rename or move', {
    go: 'Rename',
    fields: [field('Name', name, hint)],
    submit: async (close) => {
      const key = name.value.trim();
      if (!judge(name, key === row.key ? 'This is its name already.' : nameFault(key))) return;
      try {
        await storage.move(bucket.id, row.key, bucket.id, key);
      } catch (fault) {
        if (fault.status === 409) return void judge(name, 'Something else has this name.');
        if (fault.status === 400 || fault.isForbidden) return void judge(name, fault.message);
        throw fault;
      }
      isBack(bucket.id, key);
      notice(`Renamed to ${key}.`);
      close(key);
    },
  });
}

const UNITS = [[60, 'minutes'], [3600, 'hours'], [86_400, 'days']];

/** Fields for a time to live. `seconds()` answers null, having said what is wrong. */
export function lifetime() {
  const count = make('input', { type: 'number', value: '1', min: '1', step: '1', inputmode: 'numeric' });
  const unit = make('select', { 'aria-label': 'Unit' }, choices(UNITS, 3600));
  const element = field('Opens for', count);
  count.after(unit);
  element.classList.add('lifetime');
  const seconds = () => {
    const number = Number(count.value);
    const whole = Number.isInteger(number) && number >= 1;
    const long = number * Number(unit.value) > 365 * 86_400;
    if (!judge(count, !whole ? 'A whole number, 1 at least.' : long ? 'A year at most.' : null)) return null;
    return number * Number(unit.value);
  };
  return { element, seconds };
}

/** Links to several objects, to be copied at once. */
export function signMany(bucket, rows) {
  const { element, seconds } = lifetime();
  const list = make('textarea', { rows: 8, readonly: true, hidden: true, 'aria-label': 'Signed links' });
  return open('Signed links', (dialog, close) => {
    const fault = make('p', { class: 'wrong', role: 'alert' });
    const sign = button('Make links', async () => {
      const time = seconds();
      if (!time) return;
      try {
        const signed = await storage.signAll(bucket.id, rows.map((row) => row.key), time);
        list.value = signed.map(({ key, url, error }) => url ?? `${key}: ${error}`).join('\n');
        list.hidden = false;
        await copy(list.value, list);
        fault.textContent = '';
        sign.textContent = 'Copied. Make others';
      } catch (error) {
        fault.textContent = error.message;
      }
    }, { class: 'primary' });
    return [make('p', {}, `Whoever has such a link may open the object, until it ends. ${rows.length} of them.`), element, list, fault,
      make('div', { class: 'buttons' }, sign, button('Close', () => close()))];
  }, { kind: 'small wide' });
}

function numbers(input, least, most) {
  const all = input.value.split(/[\s,]+/).filter(Boolean).map(Number);
  const fits = all.every((number) => Number.isInteger(number) && number >= least && number <= most);
  return judge(input, fits && all.length ? null : `Whole numbers from ${least} to ${most}, with commas between them.`) ? all : null;
}

/** Makes variants before anyone asks, of everything below a folder or of one object. */
export function warmFolder(bucket, prefix) {
  const widths = make('input', { type: 'text', value: '256, 640, 1200', inputmode: 'numeric', autofocus: true });
  const format = make('select', {}, choices([['webp', 'WebP'], ['avif', 'AVIF'], ['jpeg', 'JPEG']], 'webp'));
  return form('Warm', {
    words: `Makes pictures of ${prefix ? `everything that begins with “${prefix}”` : 'the whole bucket'} before anyone asks for them.`,
    go: 'Warm',
    fields: [field('Widths in pixels', widths), field('Format', format)],
    submit: async (close) => {
      const wanted = numbers(widths, 1, 10_000);
      if (!wanted) return;
      const done = await storage.warm({ bucket: bucket.id, prefix, widths: wanted, formats: [format.value] });
      close(true);
      if (!done) return void notice('The server stopped before everything was made.', { kind: 'bad' });
      const failed = done.failed ? `, ${done.failed} failed (${done.reasons?.[0]?.reason ?? 'see the log'})` : '';
      notice(`${done.made} made (${bytesText(done.bytes)}), ${done.present} were there${failed}.`, { kind: done.failed ? 'bad' : '' });
    },
  });
}
