// Files on their way: checked before, a few at a time, each with its progress, and what went wrong beside it.

import { bytesText } from '../figures.js';
import { healed, verify } from './api.js';
import { button, byId, make } from './dom.js';
import { isBack } from './changes.js';
import { dropped } from './dropped.js';
import { complain, notice, say } from './notices.js';
import { expire, isSignedIn, signIn } from './session.js';
import * as tus from './tus.js';

/** Files that are sent at once. */
const AT_ONCE = 3;

const items = [];
const heard = new Set();

/** Calls `act(bucket, key)` when something was stored. Answers how to stop that. */
export function onStored(act) {
  heard.add(act);
  return () => heard.delete(act);
}

/** What is wrong with a file for a bucket, before it is sent; null if nothing is. */
export function check(bucket, file) {
  const limit = bucket.file_size_limit;
  if (limit && file.size > limit) return `It has ${bytesText(file.size)}; this bucket takes ${bytesText(limit)} at most.`;
  const types = bucket.allowed_mime_types;
  const fits = (type) => type === '*/*' || type === file.type || (type.endsWith('/*') && file.type.startsWith(type.slice(0, -1)));
  if (types?.length && !types.some(fits)) return `${file.type || 'Files of an unknown type'} cannot be kept here: only ${types.join(', ')}.`;
  return null;
}

/** Uploads [{path, file}] into a folder, each below it by its path. */
export function chooseFiles(bucket, folder, files) {
  for (const { path, file } of files) add(bucket, folder + path, file, false);
  say(files.length ? `${files.length} files to upload` : 'There are no files in it.');
  next();
}

export function replaceFile(bucket, key, file) {
  add(bucket, key, file, true);
  next();
}

function add(bucket, key, file, upsert) {
  const item = { bucket, key, file, upsert, state: 'waiting', sent: 0, place: null, fault: check(bucket, file) };
  if (item.fault) item.state = 'refused';
  item.bar = make('progress', { max: 1, value: 0, 'aria-label': `Progress of ${key}` });
  item.words = make('p', { class: 'upload-words' });
  item.buttons = make('span', { class: 'buttons' });
  item.element = make('li', { class: 'upload' }, make('p', { class: 'name' }, key), item.bar, item.words, item.buttons);
  items.push(item);
  draw(item);
}

/** Rows that are shown of many files: what needs somebody first, then what is on its way. */
const SHOWN = 60;
const IMPORTANCE = ['failed', 'refused', 'paused', 'sending', 'waiting', 'done'];

function shownItems() {
  if (items.length <= SHOWN) return items;
  return IMPORTANCE.flatMap((state) => items.filter((item) => item.state === state)).slice(0, SHOWN);
}

function next() {
  const running = items.filter((item) => item.state === 'sending').length;
  for (const item of items.filter((waiting) => waiting.state === 'waiting').slice(0, Math.max(0, AT_ONCE - running))) start(item);
}

async function start(item) {
  item.state = 'sending';
  item.stopping = new AbortController();
  draw(item);
  try {
    await carry(item, item.stopping.signal);
    item.state = 'done';
    isBack(item.bucket.id, item.key);
    heard.forEach((act) => act(item.bucket.id, item.key));
    say(`${item.key} is stored`);
  } catch (fault) {
    if (item.state === 'sending') {
      item.state = 'failed';
      item.fault = fault.message;
      item.exists = fault.status === 409;
      if (item.exists) item.fault = 'Something of this name is there already.';
    }
  }
  draw(item);
  next();
}

/** Sends a file, over broken connections and expired tokens, until it is there or refused. */
async function carry(item, signal) {
  const { bucket, key, file, upsert } = item;
  const sent = (bytes) => { item.sent = bytes; progress(item); };
  for (let refused = 0; ;) {
    try {
      if (!isSignedIn()) await signIn('Sign in again: the upload goes on.', verify);
      let from = 0;
      if (item.place) from = await tus.standing(item.place, signal);
      else item.place = await tus.begin({ bucket: bucket.id, key, type: file.type || 'application/octet-stream', size: file.size, upsert }, signal);
      if (from < file.size || from === 0) await tus.send(item.place, file, from, sent, signal);
      return;
    } catch (fault) {
      if (signal.aborted) throw fault;
      if (fault instanceof tus.Broken) await healed();
      else if ((fault.status === 401 || fault.status === 403) && await verify() !== null) expire();
      // Somebody else's part came between, or the upload is too old: once more from where it stands, or from the start.
      else if ([404, 409, 410, 423].includes(fault.status) && item.place && refused < 3) {
        refused += 1;
        if (fault.status === 404 || fault.status === 410) item.place = null;
      } else throw fault;
    }
  }
}

function pauseItem(item) {
  item.state = 'paused';
  item.stopping.abort();
  draw(item);
}

function drop(item) {
  if (item.state === 'sending') {
    item.state = 'dropped';
    item.stopping.abort();
  }
  if (item.place && item.state !== 'done') tus.giveUp(item.place);
  items.splice(items.indexOf(item), 1);
  drawSoon();
}

const again = (item, changes = {}) => () => {
  Object.assign(item, { state: 'waiting', fault: null }, changes);
  draw(item);
  next();
};

const WORDS = { waiting: 'Waits for its turn', sending: 'Is sent', paused: 'Paused', done: 'Stored' };

function progress(item) {
  drawSoon();
  item.bar.value = item.state === 'done' ? 1 : item.file.size ? item.sent / item.file.size : 0;
  item.words.textContent = item.fault ?? `${WORDS[item.state] ?? ''}, ${item.state === 'done' ? '' : `${bytesText(Math.min(item.sent, item.file.size))} of `}${bytesText(item.file.size)}`;
}

function draw(item) {
  progress(item);
  item.words.classList.toggle('wrong', Boolean(item.fault));
  item.element.dataset.state = item.state;
  const named = (words, act) => button(words, act, { 'aria-label': `${words}: ${item.key}` });
  const buttons = {
    sending: [named('Pause', () => pauseItem(item)), named('Cancel', () => drop(item))],
    paused: [named('Resume', again(item)), named('Cancel', () => drop(item))],
    waiting: [named('Cancel', () => drop(item))],
    failed: [item.exists ? named('Replace it', again(item, { upsert: true, place: null })) : named('Try again', again(item)), named('Dismiss', () => drop(item))],
  };
  item.buttons.replaceChildren(...(buttons[item.state] ?? [named('Dismiss', () => drop(item))]));
}

let isDrawing = false;

/** Once for whatever changes until then: a folder's files are many. */
function drawSoon() {
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(() => {
    isDrawing = false;
    drawAll();
  });
}

/** The panel as a whole. */
function drawAll() {
  const panel = byId('uploads');
  panel.hidden = items.length === 0;
  if (!panel.firstChild) {
    const clear = button('Clear finished', () => [...items].filter((item) => ['done', 'refused'].includes(item.state)).forEach(drop), { class: 'plain' });
    panel.append(make('div', { class: 'uploads-head' }, make('h2', {}, 'Uploads'), make('span', { id: 'uploads-count' }), clear),
      make('progress', { id: 'uploads-all', max: 1, value: 0, 'aria-label': 'Progress of all files' }), make('ul', { id: 'uploads-list', tabIndex: 0, 'aria-label': 'Files' }));
  }
  const list = byId('uploads-list');
  const shown = new Set(shownItems().map((item) => item.element));
  for (const element of [...list.children]) if (!shown.has(element)) element.remove();
  for (const element of shown) if (!element.isConnected) list.append(element);
  const done = items.filter((item) => item.state === 'done').length;
  const further = items.length - shown.size;
  byId('uploads-count').textContent = `${done} of ${items.length} stored${further ? `, ${shown.size} shown` : ''}`;
  const wanted = items.filter((item) => item.state !== 'refused');
  const bytes = (of) => wanted.reduce((sum, item) => sum + of(item) + 1, 0);
  byId('uploads-all').hidden = items.length < 2;
  byId('uploads-all').value = bytes((item) => (item.state === 'done' ? item.file.size : Math.min(item.sent, item.file.size) - 1)) / Math.max(1, bytes((item) => item.file.size));
}

/** Reads what was dropped, and says how far it is where that takes its time. */
async function reading(transfer, take) {
  let told = null;
  const asked = setTimeout(() => { told = notice('Reading the folder.', { stays: Infinity }); }, 300);
  const found = (count) => { if (told) told.element.firstChild.textContent = `Reading the folder: ${count} files so far.`; };
  try {
    take(await dropped(transfer, found));
  } catch (fault) {
    complain(fault, 'What was dropped cannot be uploaded');
  } finally {
    clearTimeout(asked);
    told?.close();
  }
}

/** Lets files and folders be dropped onto an element. */
export function dropZone(element, take) {
  const isFiles = (event) => event.dataTransfer?.types.includes('Files');
  let depth = 0;
  const over = (change) => { depth = Math.max(0, depth + change); element.classList.toggle('dropping', depth > 0); };
  element.addEventListener('dragenter', (event) => { if (isFiles(event)) { event.preventDefault(); over(1); } });
  element.addEventListener('dragleave', (event) => { if (isFiles(event)) over(-1); });
  element.addEventListener('dragover', (event) => { if (isFiles(event)) event.preventDefault(); });
  element.addEventListener('drop', (event) => {
    if (!isFiles(event)) return;
    event.preventDefault();
    depth = 0;
    over(0);
    reading(event.dataTransfer, take);
  });
}
// A file that misses the zone must not take the place of this page.
for (const name of ['dragover', 'drop']) window.addEventListener(name, (event) => { if (event.dataTransfer?.types.includes('Files')) event.preventDefault(); });
window.addEventListener('beforeunload', (event) => { if (items.some((item) => ['sending', 'waiting'].includes(item.state))) event.preventDefault(); });
