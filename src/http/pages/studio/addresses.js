// An object's URLs in each dialect, the snippet for next/image, and signed links.

import { button, choices, copy, make } from './dom.js';
import { lifetime } from './changes.js';
import { notice } from './notices.js';
import { at, publicUrl, sign } from './storage.js';

const DIALECTS = [['native', 'Native'], ['supabase', 'Supabase'], ['next', 'next/image'], ['original', 'Original'], ['image', '<Image>']];
/** The rungs that every rule of sizes admits. */
const WIDTHS = [64, 128, 256, 384, 640, 828, 1080, 1200, 1920];

/** The URL in a dialect; relative for next/image, which is asked by its own page. */
export function address(dialect, bucket, key, width) {
  const base = publicUrl();
  const path = at(bucket, key);
  switch (dialect) {
    case 'native': return `${base}/image/${path}?w=${width}`;
    case 'supabase': return `${base}/storage/v1/render/image/public/${path}?width=${width}`;
    case 'next': return `${base}/_next/image?url=${encodeURIComponent(`/${path}`)}&w=${width}&q=75`;
    default: return `${base}/storage/v1/object/public/${path}`;
  }
}

/** JSX is quoted by its own rules: an expression holds any text. */
export function snippet(bucket, row, width, natural) {
  const height = natural ? Math.round((width / natural.width) * natural.height) : width;
  const alt = row.name.replace(/\.[^.]*$/, '').replace(/[-_]+/g, ' ');
  return `<Image\n  src={${JSON.stringify(`/${bucket}/${row.key}`)}}\n  alt={${JSON.stringify(alt)}}\n  width={${width}}\n  height={${height}}\n/>`;
}

function copier(words, input, label) {
  return button(words, async () => {
    const done = await copy(input.value, input);
    if (done) notice('Copied.', { stays: 1500 });
    else notice('This browser does not let the page copy. Select the text, and copy it by hand.', { kind: 'bad' });
  }, { 'aria-label': label });
}

/** The part of the preview with URLs of a public object. `natural()`: its size, once it is known. */
export function publicAddresses(bucket, row, natural) {
  const dialect = make('select', { 'aria-label': 'Dialect' }, choices(DIALECTS, 'native'));
  const width = make('select', { 'aria-label': 'Width in pixels' }, choices(WIDTHS.map((size) => [size, `${size} px`]), 640));
  const shown = make('textarea', { readonly: true, rows: 2, 'aria-label': 'Address', spellcheck: 'false' });
  const show = () => {
    shown.value = dialect.value === 'image' ? snippet(bucket.id, row, Number(width.value), natural()) : address(dialect.value, bucket.id, row.key, width.value);
    shown.rows = dialect.value === 'image' ? 6 : 3;
    width.hidden = dialect.value === 'original';
  };
  dialect.addEventListener('change', show);
  width.addEventListener('change', show);
  show();
  const element = make('section', { class: 'part' }, make('h3', {}, 'Address'),
    make('div', { class: 'pair-row' }, dialect, width, copier('Copy', shown, 'Copy the address')), shown);
  return { element, show };
}

/** The part of the preview that makes signed links. */
export function signedLinks(bucket, row) {
  const { element, seconds } = lifetime();
  const shown = make('textarea', { readonly: true, rows: 3, hidden: true, 'aria-label': 'Signed link', spellcheck: 'false' });
  const copies = copier('Copy', shown, 'Copy the signed link');
  copies.hidden = true;
  const fault = make('p', { class: 'wrong', role: 'alert' });
  const makes = button('Make a link', async () => {
    const time = seconds();
    if (!time) return;
    fault.textContent = '';
    try {
      shown.value = await sign(bucket.id, row.key, time);
      shown.hidden = false;
      copies.hidden = false;
    } catch (refusal) {
      fault.textContent = refusal.message;
    }
  });
  return make('section', { class: 'part' }, make('h3', {}, 'Signed link'), element, make('div', { class: 'buttons' }, makes, copies), shown, fault);
}
