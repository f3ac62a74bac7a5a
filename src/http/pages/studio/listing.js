// What is in a folder, page by page as it is needed: up to hundreds of thousands of objects, kept as little rows.

import { list } from './storage.js';

/** Most of a page, by the server's own rule. */
const PAGE = 1000;

/** Columns that the server sorts by. */
const SORTED_THERE = new Set(['name', 'updated_at', 'created_at']);

const collator = new Intl.Collator('en', { numeric: true });

const folderRow = (key, folder) => ({ key, name: key.slice(folder.length).replace(/\/$/, ''), folder: true, size: 0, type: '', updated: '' });

function objectRow({ key, name, metadata, updated_at: updated, created_at: created }, folder) {
  const whole = key ?? name;
  return { key: whole, name: whole.slice(folder.length), folder: false, size: metadata?.size ?? 0, type: metadata?.mimetype ?? '', updated: updated ?? '', created: created ?? '' };
}

/** The rows of a folder (`a/b/`, or empty), or of everything below it where `deep`. */
export class Listing {
  constructor(bucket, { folder = '', deep = false, sort = 'name', order = 'asc' } = {}) {
    Object.assign(this, { bucket, folder, deep, sort, order });
    this.folders = [];
    this.objects = [];
    this.isDone = false;
    this.cursor = null;
    this.running = null;
    this.stopping = new AbortController();
  }

  /** Fetches the next page, one at a time. Answers whether there was one. */
  more() {
    if (this.isDone) return Promise.resolve(false);
    this.running ??= this.fetch().finally(() => { this.running = null; });
    return this.running;
  }

  async fetch() {
    const there = SORTED_THERE.has(this.sort);
    const page = await list(this.bucket, {
      prefix: this.folder,
      with_delimiter: !this.deep,
      limit: PAGE,
      cursor: this.cursor ?? undefined,
      sortBy: { column: there ? this.sort : 'name', order: there ? this.order : 'asc' },
    }, this.stopping.signal);
    // A folder of its own name is no entry of itself.
    const folders = page.folders.map(({ key, name }) => folderRow(key ?? name, this.folder)).filter((row) => row.name);
    this.folders.push(...folders);
    for (const object of page.objects) this.objects.push(objectRow(object, this.folder));
    this.cursor = page.nextCursor;
    this.isDone = !page.hasNext;
    return true;
  }

  stop() { this.stopping.abort(); }

  /** Without these keys, as long as they are to be gone. */
  without(keys) { this.hidden = keys; }

  /** Folders first. What the server does not sort by is sorted here, once all of it is known. */
  rows(fits = null) {
    const seen = this.hidden?.size ? this.objects.filter((row) => !this.hidden.has(row.key)) : this.objects;
    let objects = fits ? seen.filter(fits) : seen;
    if (this.sort === 'size' && this.isDone) {
      const sign = this.order === 'asc' ? 1 : -1;
      objects = objects.toSorted((one, other) => sign * (one.size - other.size) || collator.compare(one.name, other.name));
    }
    const folders = fits ? this.folders.filter(fits) : this.folders;
    return folders.length ? [...folders, ...objects] : objects;
  }
}
