// Avatars by user: every picture that is kept, with what it was painted from.

import { button, drawUnpressed, make, time } from './dom.js';
import { call } from './api.js';
import { deleting, removeWithUndo } from './changes.js';
import { jobRow } from './jobs.js';
import { paintAgain } from './painting.js';
import { closePreview, preview } from './preview.js';
import { go, to } from './routes.js';
import { who } from './session.js';
import { list } from './storage.js';
import { thumbnail } from './thumbnails.js';
import { Jobs, isOver, watch } from './watch.js';

const BUCKET = 'kinkster-avatars';
/** Users that are shown as links; further ones are found by their id. */
const SHOWN = 60;

/** Whose pictures there are: each user's are in a folder of their name. */
async function users() {
  if (who.role === 'user') return who.user ? [who.user] : [];
  const page = await list(BUCKET, { prefix: '', with_delimiter: true, limit: 1000 });
  return page.folders.map(({ key, name }) => (key ?? name).replace(/\/$/, ''));
}

export async function view(at, buckets) {
  const bucket = buckets.find((known) => known.id === BUCKET);
  if (!bucket) return { element: make('div', { class: 'empty' }, make('p', {}, 'There is no bucket for avatars here.')) };
  const known = await users();
  if (!at.first && known.length === 1) go('avatars', known[0]);
  const head = make('div', { class: 'view-head' }, make('h1', {}, 'Avatars'));
  const element = make('section', { class: 'view', 'aria-label': 'Avatars' }, head);
  if (who.role === 'service') element.append(people(known, at.first));
  if (!at.first) {
    element.append(make('p', { class: 'empty' }, known.length ? 'Choose whose avatars are shown.' : 'No avatar was painted yet.'));
    return { element, title: 'Avatars' };
  }
  const shown = new History(bucket, at.first);
  element.append(shown.element);
  return { element, title: 'Avatars', stop: () => shown.stop() };
}

function people(known, current) {
  const links = known.slice(0, SHOWN).map((user) => make('a', { href: to('avatars', user), 'aria-current': user === current ? 'page' : undefined }, user));
  const find = make('input', { type: 'search', id: 'find-user', autocomplete: 'off', spellcheck: 'false' });
  const form = make('form', { class: 'row-form', on: { submit: (event) => { event.preventDefault(); if (find.value.trim()) go('avatars', find.value.trim()); } } },
    make('label', { class: 'tight grow' }, make('span', {}, 'User id'), find), make('button', { type: 'submit' }, 'Show'));
  return make('div', { class: 'part-view' }, form, links.length ? make('nav', { class: 'people', 'aria-label': 'Users with avatars' }, links) : null, known.length > SHOWN ? make('p', { class: 'hint' }, `The first ${SHOWN} of ${known.length}.`) : null);
}

/** One user's: what is under way, and every picture. */
class History {
  constructor(bucket, user) {
    Object.assign(this, { bucket, user });
    this.running = make('ol', { class: 'job-list' });
    this.pictures = make('ul', { class: 'portraits' });
    this.empty = make('p', { class: 'empty', hidden: true }, 'This user has no avatar yet.');
    this.objects = [];
    this.names = new Map();
    this.jobs = new Jobs((job, before) => {
      this.draw();
      if (job.status === 'completed' && before && before.status !== 'completed') this.load();
    });
    const fresh = button('Paint something new', () => this.paint(''), {});
    this.element = make('div', { class: 'part-view' }, make('div', { class: 'view-head' }, make('h2', { class: 'mono' }, user), fresh), this.running, this.pictures, this.empty);
    this.watching = watch(this.jobs, { user: who.role === 'service' ? user : undefined, limit: 200 });
    this.watching.first.catch((fault) => { this.empty.hidden = false; this.empty.textContent = fault.message; });
    this.load();
    this.loadNames();
  }

  stop() {
    this.watching.stop();
    closePreview();
  }

  async load() {
    const page = await list(this.bucket.id, { prefix: `${this.user}/`, with_delimiter: false, limit: 1000, sortBy: { column: 'created_at', order: 'desc' } });
    this.objects = page.objects.map(({ key, name, metadata, created_at: created, updated_at: updated }) => ({ key: key ?? name, name: (key ?? name).split('/').at(-1), folder: false, size: metadata?.size ?? 0, type: metadata?.mimetype ?? '', created, updated }));
    this.isLoaded = true;
    this.draw();
  }

  /** Characters' names, where they are ours to tell. */
  async loadNames() {
    const rows = await call('GET', `/rest/v1/kinksters?select=*&user_id=eq.${encodeURIComponent(this.user)}`).catch(() => []);
    for (const row of rows) this.names.set(row.id, row);
    if (rows.length) this.draw();
  }

  draw() {
    drawUnpressed(this.element, () => this.drawAll());
  }

  drawAll() {
    const under = this.jobs.list.filter((job) => !isOver(job) || (job.state === 'error' && job === this.jobs.list[0]));
    this.running.replaceChildren(...under.map((job) => jobRow(job, (row) => this.jobs.take(row))));
    const gone = deleting(this.bucket.id);
    const objects = this.objects.filter((object) => !gone.has(object.key));
    const byPath = new Map(this.jobs.list.filter((job) => job.storage_path).map((job) => [job.storage_path, job]));
    const focused = document.activeElement?.closest?.('.portrait')?.dataset.key;
    this.pictures.replaceChildren(...objects.map((object) => this.portrait(object, byPath.get(object.key))));
    if (focused && document.activeElement === document.body) this.pictures.querySelector(`[data-key="${CSS.escape(focused)}"] button`)?.focus({ preventScroll: true });
    this.empty.hidden = !this.isLoaded || objects.length > 0 || under.length > 0;
  }

  portrait(object, job) {
    const { bucket } = this;
    const shows = [...this.names.values()].filter((row) => row.avatar_url?.endsWith(`/${object.key}`));
    const named = this.names.get(job?.kinkster_id)?.name ?? shows[0]?.name;
    const prompt = job?.prompt ?? shows[0]?.avatar_prompt ?? '';
    const remove = () => removeWithUndo(bucket.id, [object], () => this.draw());
    const open = () => preview(bucket, object, { remove: () => { closePreview(); remove(); } });
    return make('li', { class: 'portrait', 'data-key': object.key },
      thumbnail(bucket.id, object, bucket.public, 384),
      make('p', {}, named ? make('b', {}, named) : null, named ? ' ' : '', make('span', { class: 'quiet' }, time(object.created)), shows.length ? make('span', { class: 'badge' }, 'shown now') : null),
      make('p', { class: 'prompt-text', tabIndex: prompt ? 0 : -1 }, prompt || 'What it was painted from is not known.'),
      make('div', { class: 'buttons' },
        button('Open', open, { 'aria-label': `Open ${object.name}` }),
        button('Paint again', () => this.paint(prompt, job?.kinkster_id ?? shows[0]?.id), { 'aria-label': `Paint again: ${object.name}` }),
        button('Delete', remove, { class: 'danger', 'aria-label': `Delete ${object.name}` })));
  }

  async paint(prompt, kinkster) {
    const row = await paintAgain({ user: this.user, kinkster, prompt });
    if (row) this.jobs.take(row);
  }
}
