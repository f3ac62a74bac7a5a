// The buckets: chosen in the navigation, made and changed in a dialog.

import { bytesText } from '../figures.js';
import { field, judge, make } from './dom.js';
import { form, sure } from './dialogs.js';
import { complaining, notice } from './notices.js';
import * as storage from './storage.js';

/** `20 MB` as bytes; null where nothing is said, NaN where it cannot be read. */
export function bytesOf(text) {
  const trimmed = text.trim().toLowerCase();
  if (!trimmed) return null;
  const match = trimmed.match(/^(\d+(?:\.\d+)?)\s*(b|kb|mb|gb)?$/);
  return match ? Math.round(Number(match[1]) * { b: 1, kb: 1e3, mb: 1e6, gb: 1e9 }[match[2] ?? 'b']) : NaN;
}

const typesOf = (text) => text.split(/[\s,]+/).filter(Boolean);

/** Buckets of the app, with whether everyone reads them. Who may not list buckets may still have objects in these. */
const USUAL = { 'kinkster-avatars': true, 'task-proofs': false };

/**
 * A bucket by its name, for those who are not told of buckets; null if there is none. Its rules are not known then: the
 * server says beside a file what it does not take.
 */
export async function find(id) {
  let page;
  try {
    page = await storage.list(id, { prefix: '', limit: 1, with_delimiter: false });
  } catch (fault) {
    if (fault.status === 404 || fault.isForbidden) return null;
    throw fault;
  }
  const first = page.objects[0];
  const isPublic = USUAL[id] ?? (first ? await storage.isPublic(id, first.key ?? first.name) : false);
  return { id, name: id, public: isPublic, file_size_limit: null, allowed_mime_types: null };
}

/** Those that this key is told of, else those of the app that are there. */
export async function known() {
  const told = await storage.buckets();
  const found = told.length ? told : (await Promise.all(Object.keys(USUAL).map(find))).filter(Boolean);
  return found.sort((one, other) => one.name.localeCompare(other.name));
}

/** Asks for the name of a bucket. Answers the bucket. */
export function openByName() {
  const name = make('input', { type: 'text', autofocus: true, spellcheck: 'false', autocapitalize: 'off' });
  return form('Open a bucket', {
    words: 'Your token is not told which buckets there are. Its objects are still yours to see, if you know its name.',
    fields: [field('Name', name)],
    go: 'Open',
    submit: async (close) => {
      const id = name.value.trim();
      if (!judge(name, !id ? 'A name is needed.' : /[/\\]/.test(id) ? 'A bucket’s name has no slashes.' : null)) return;
      const bucket = await find(id);
      if (judge(name, bucket ? null : 'There is no such bucket, or you may not see it.')) close(bucket);
    },
  });
}

/** The form of a new bucket, or of one that is there. Answers its id if something changed. */
export function bucketForm(bucket) {
  const name = make('input', { type: 'text', value: bucket?.name ?? '', autofocus: !bucket, disabled: Boolean(bucket), spellcheck: 'false', autocapitalize: 'off' });
  const isPublic = make('input', { type: 'checkbox', checked: bucket?.public ?? false });
  const limit = make('input', { type: 'text', value: bucket?.file_size_limit ? bytesText(bucket.file_size_limit) : '' });
  const types = make('input', { type: 'text', value: bucket?.allowed_mime_types?.join(', ') ?? '', spellcheck: 'false' });
  const fields = [
    field('Name', name), make('label', { class: 'tick' }, isPublic, ' Everyone may read its objects'),
    field('Largest file', limit, 'Such as 5 MB. Empty: no limit of its own.'),
    field('Types', types, 'Such as image/png, image/webp, or image/*. Empty: any.'),
  ];
  return form(bucket ? `Bucket ${bucket.name}` : 'New bucket', {
    fields,
    go: bucket ? 'Save' : 'Make it',
    submit: async (close) => {
      const bytes = bytesOf(limit.value);
      const list = typesOf(types.value);
      const right = [
        judge(name, name.value.trim() ? (/[/\\]/.test(name.value) ? 'A bucket’s name has no slashes.' : null) : 'A name is needed.'),
        judge(limit, Number.isNaN(bytes) ? 'A number and B, kB, MB or GB.' : null),
        judge(types, list.every((type) => /^[\w.+-]+\/([\w.+-]+|\*)$/.test(type)) ? null : 'Types look like image/png or image/*.'),
      ];
      if (right.includes(false)) return;
      const body = { public: isPublic.checked, file_size_limit: bytes, allowed_mime_types: list.length ? list : null };
      const id = bucket?.id ?? name.value.trim();
      if (bucket) await storage.changeBucket(id, body);
      else await storage.makeBucket({ id, name: id, ...body });
      close(id);
    },
  });
}

/** Removes an empty bucket, if somebody is sure. */
export const removeBucket = complaining(async (bucket) => {
  if (!await sure(`Delete the bucket ${bucket.name}?`, 'Only an empty bucket can be deleted.', 'Delete')) return false;
  await storage.removeBucket(bucket.id);
  notice(`The bucket ${bucket.name} is gone.`);
  return true;
}, 'The bucket could not be deleted');
