// The objects of a bucket: a folder at a time, or everything that is looked for.

import { button, choices, make } from './dom.js';
import { LAYOUTS, cell } from './cells.js';
import { filterForm, nothingLookedFor, testOf } from './filters.js';
import { Listing } from './listing.js';
import { complain, complaining, say } from './notices.js';
import { go, to } from './routes.js';
import { Selection, step } from './selection.js';
import { who } from './session.js';
import { Virtual } from './virtual.js';
import { deleting, removeWithUndo, rename, signMany, warmFolder } from './changes.js';
import { closePreview, preview } from './preview.js';
import { chosen } from './dropped.js';
import { chooseFiles, dropZone, onStored } from './uploads.js';

const counted = new Intl.NumberFormat('en');
const objectsWords = (count) => `${counted.format(count)} ${count === 1 ? 'object' : 'objects'}`;
/** What is looked for, and how it looks, goes on from folder to folder. */
const looking = { ...nothingLookedFor(), look: matchMedia('(width < 40rem)').matches ? 'list' : 'grid' };

/** The view of one bucket's folder. Answers {element, stop}. */
export class Objects {
  constructor(bucket, folder) {
    Object.assign(this, { bucket, folder });
    this.selection = new Selection(() => this.chose());
    this.port = make('div', { class: 'port', role: 'listbox', tabIndex: 0, 'aria-multiselectable': 'true', 'aria-label': `Objects of ${bucket.name}` });
    this.status = make('p', { class: 'status-line', role: 'status' });
    this.empty = make('div', { class: 'empty', hidden: true });
    this.chosen = make('div', { class: 'chosen', role: 'toolbar', 'aria-label': 'Chosen objects', hidden: true });
    this.element = make('section', { class: 'objects', 'aria-label': `Bucket ${bucket.name}` }, this.head(), this.tools(), this.chosen, this.status, this.port, this.empty);
    this.virtual = new Virtual(this.port, {
      layout: LAYOUTS[looking.look],
      draw: (row, index) => cell(row, index, { bucket: bucket.id, isPublic: bucket.public, selection: this.selection, look: looking.look, count: () => this.rows.length }),
      near: () => this.near(),
    });
    this.port.addEventListener('click', (event) => this.clicked(event));
    this.port.addEventListener('keydown', (event) => this.pressed(event));
    dropZone(this.element, (files) => chooseFiles(bucket, folder, files));
    this.forget = onStored((id, key) => { if (id === bucket.id && key.startsWith(folder)) this.loadSoon(); });
    this.rows = [];
    this.load();
  }

  stop() {
    this.forget();
    clearTimeout(this.later);
    this.listing?.stop();
    this.virtual.stop();
    closePreview();
  }

  head() {
    const { bucket, folder } = this;
    const steps = folder.split('/').filter(Boolean);
    const links = steps.map((name, index) => [make('span', { 'aria-hidden': 'true' }, '/'), make('a', { href: to('objects', bucket.id, steps.slice(0, index + 1).join('/')), 'aria-current': index === steps.length - 1 ? 'page' : undefined }, name)]);
    const mine = who.user && !folder.startsWith(`${who.user}/`) && make('a', { href: to('objects', bucket.id, who.user) }, 'My folder');
    return make('div', { class: 'view-head' },
      make('h1', {}, make('a', { href: to('objects', bucket.id), 'aria-current': steps.length ? undefined : 'page' }, bucket.name)),
      make('nav', { class: 'crumbs', 'aria-label': 'Folders' }, links),
      make('span', { class: 'badge' }, bucket.public ? 'public' : 'private'), mine || null);
  }

  tools() {
    const look = make('select', { id: 'look', 'aria-label': 'View' }, choices([['grid', 'Grid'], ['list', 'List']], looking.look));
    look.addEventListener('change', () => {
      looking.look = look.value;
      this.virtual.setLayout(LAYOUTS[look.value]);
    });
    const picker = make('input', { type: 'file', multiple: true, class: 'unseen', tabIndex: -1, 'aria-hidden': 'true' });
    picker.addEventListener('change', () => {
      complaining(() => chooseFiles(this.bucket, this.folder, chosen(picker.files)))();
      picker.value = '';
    });
    const pick = (folders) => () => {
      picker.webkitdirectory = folders;
      picker.click();
    };
    const warm = who.operates && button('Warm', complaining(() => warmFolder(this.bucket, this.folder)));
    return make('div', { class: 'tools' }, filterForm(looking, () => this.load()),
      make('div', { class: 'buttons' }, look, warm || null, 'webkitdirectory' in picker ? button('Upload folder', pick(true), { class: 'folders' }) : null, button('Upload', pick(false), { class: 'primary' }), picker));
  }

  /** After the last of several changes. */
  loadSoon() {
    clearTimeout(this.later);
    this.later = setTimeout(() => this.load(), 300);
  }

  /** Begins anew, with what is looked for now. */
  load() {
    this.listing?.stop();
    this.fits = testOf(looking);
    const listing = new Listing(this.bucket.id, { folder: this.folder, deep: Boolean(looking.words), sort: looking.sort, order: looking.order });
    listing.without(deleting(this.bucket.id));
    this.listing = listing;
    this.rows = [];
    this.port.scrollTop = 0;
    this.selection.clear();
    this.selection.at = -1;
    this.near();
  }

  /** Fetches more, until there is enough to be seen. */
  near() {
    const listing = this.listing;
    if (listing.isDone || listing.running) return;
    this.port.setAttribute('aria-busy', 'true');
    listing.more().then(() => { if (listing === this.listing) this.came(); }, (fault) => {
      if (listing === this.listing && fault.name !== 'AbortError') this.fell(fault);
    });
  }

  came() {
    this.show();
    if (this.listing.isDone) return;
    // What is not sorted or found there has to be known first.
    if (this.fits || this.listing.sort === 'size') setTimeout(() => this.near());
  }

  show() {
    const { listing } = this;
    this.rows = listing.rows(this.fits);
    this.virtual.show(this.rows);
    if (listing.isDone) this.port.removeAttribute('aria-busy');
    this.port.hidden = this.rows.length === 0;
    this.empty.hidden = this.rows.length > 0 || !listing.isDone;
    if (!this.empty.hidden) this.sayEmpty();
    const looked = listing.objects.length;
    const found = this.rows.reduce((count, row) => count + !row.folder, 0);
    const further = listing.isDone ? '' : this.fits || listing.sort === 'size' ? `, ${counted.format(looked)} looked at so far` : ' so far';
    this.status.textContent = this.rows.length || !listing.isDone ? `${objectsWords(found)}${this.fits ? ' found' : ''}${further}` : '';
  }

  sayEmpty() {
    const words = this.fits ? 'Nothing here is what you look for.' : 'Nothing is here yet, or nothing that you may see.';
    const hint = this.fits ? 'Try other words, or fewer filters.' : 'Drop files or folders anywhere on this page, or press Upload.';
    this.empty.replaceChildren(make('p', {}, words), make('p', { class: 'quiet' }, hint));
  }

  fell(fault) {
    this.port.removeAttribute('aria-busy');
    this.port.hidden = true;
    this.empty.hidden = false;
    this.empty.replaceChildren(make('p', { role: 'alert' }, fault.message), button('Try again', () => this.load()));
  }

  clicked(event) {
    const option = event.target.closest('[role=option]');
    if (!option) return;
    const index = Number(option.dataset.index);
    const { row } = option;
    const ticks = event.target.closest('[data-tick]') || event.ctrlKey || event.metaKey;
    // What is still drawn while other rows are being fetched can be opened, and is no part of a selection.
    if (this.rows[index] !== row) {
      if (!ticks && !event.shiftKey) this.openRow(row);
      return;
    }
    this.stand(index);
    if (event.shiftKey) this.selection.extend(this.rows, index);
    else if (ticks) this.selection.toggle(row, index);
    else this.openRow(row);
  }

  pressed(event) {
    const { selection, rows } = this;
    const row = rows[selection.at];
    const next = step(event.key, selection.at, { columns: this.virtual.columns, page: this.virtual.page, count: rows.length });
    if (next !== null) {
      this.stand(next);
      if (event.shiftKey) selection.extend(rows, next);
      else selection.anchor = next;
    } else if (event.key === ' ' && row) selection.toggle(row, selection.at);
    else if (event.key === 'Enter' && row) this.openRow(row);
    else if (event.key === 'Escape') selection.clear();
    else if (event.key === 'a' && (event.ctrlKey || event.metaKey)) selection.all(rows);
    else if (event.key === 'F2' && row && !row.folder) this.rename(row);
    else if (event.key === 'Delete' && (selection.rows.length || (row && !row.folder))) this.remove(selection.rows.length ? selection.rows : [row]);
    else return;
    event.preventDefault();
  }

  /** The keyboard is at this row now. */
  stand(index) {
    const before = this.selection.at;
    this.selection.at = index;
    this.virtual.refresh(before);
    const element = this.virtual.reveal(index);
    this.virtual.refresh(index);
    if (element) this.port.setAttribute('aria-activedescendant', element.id);
  }

  openRow(row) {
    if (row.folder) go('objects', this.bucket.id, row.key);
    else {
      preview(this.bucket, row, {
        rename: () => this.rename(row),
        remove: () => this.remove([row]),
      });
    }
  }

  async rename(row) {
    if (!await rename(this.bucket, row).catch(complain)) return;
    closePreview();
    this.load();
  }

  remove(rows) {
    removeWithUndo(this.bucket.id, rows, () => { this.listing.without(deleting(this.bucket.id)); this.show(); });
    this.selection.clear();
    closePreview();
    this.port.focus({ preventScroll: true });
  }

  /** Another choice: what may be done with it. */
  chose() {
    const rows = this.selection.rows;
    this.virtual.clear();
    this.virtual.paint();
    this.chosen.hidden = rows.length === 0;
    if (!rows.length) return;
    const bytes = rows.reduce((sum, row) => sum + row.size, 0);
    const words = make('span', {}, `${objectsWords(rows.length)} chosen`);
    this.chosen.replaceChildren(words,
      button('Signed links', complaining(() => signMany(this.bucket, rows))),
      rows.length === 1 ? button('Rename', () => this.rename(rows[0])) : '',
      button('Delete', () => this.remove(rows), { class: 'danger' }),
      button('Choose none', () => this.selection.clear(), { class: 'plain' }));
    say(`${rows.length} chosen, ${bytes} bytes`);
  }
}
