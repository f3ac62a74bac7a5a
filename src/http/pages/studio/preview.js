// One object: how it looks, what is known of it, every variant that exists, its addresses, what can be done with it.

import { bytesText, kindText } from '../figures.js';
import { button, facts, make, time } from './dom.js';
import { publicAddresses, signedLinks } from './addresses.js';
import { warmFolder } from './changes.js';
import { complaining, notice } from './notices.js';
import { who } from './session.js';
import * as storage from './storage.js';
import { isPicture, privatePicture, publicPicture } from './thumbnails.js';
import { replaceFile } from './uploads.js';

const NARROW = matchMedia('(width < 64rem)');
let shown = null;

export function closePreview() { shown?.close(); }

/** Opens the panel: beside the objects where there is room, else over them. `acts`: {rename?, remove}. */
export function preview(bucket, row, acts) {
  const before = document.activeElement;
  if (shown) closePreview();
  const panel = make('dialog', { class: 'preview', 'aria-label': `Object ${row.name}` });
  const view = { bucket, row, acts, panel, natural: null };
  panel.append(...parts(view));
  panel.addEventListener('close', () => {
    panel.remove();
    if (shown === panel) shown = null;
    document.body.classList.remove('with-preview');
    if (before?.isConnected) before.focus({ preventScroll: true });
  });
  panel.addEventListener('keydown', (event) => { if (event.key === 'Escape') panel.close(); });
  document.getElementById('desk').append(panel);
  shown = panel;
  if (NARROW.matches) panel.showModal();
  else {
    document.body.classList.add('with-preview');
    panel.show();
  }
  panel.querySelector('.preview-close').focus();
}

function parts(view) {
  const { bucket, row, panel } = view;
  const addresses = bucket.public && publicAddresses(bucket, row, () => view.natural);
  const known = make('div', {}, factsOf(view));
  const variants = make('div', { class: 'variants' });
  if (who.operates) look(view, known, variants, addresses);
  else variants.append(make('p', { class: 'quiet' }, 'Which variants exist is told to service keys alone.'));
  return [
    make('div', { class: 'preview-head' }, make('h2', {}, row.name), button('×', () => panel.close(), { class: 'plain preview-close', 'aria-label': 'Close the preview' })),
    picture(view),
    actions(view, known, variants, addresses),
    make('section', { class: 'part' }, make('h3', {}, 'Object'), known),
    addresses ? addresses.element : make('p', { class: 'quiet part' }, 'This bucket is private: only signed links open its objects.'),
    signedLinks(bucket, row),
    make('section', { class: 'part' }, make('h3', {}, 'Variants'), variants),
  ];
}

function picture({ bucket, row }) {
  const stage = make('div', { class: 'stage' });
  const word = (words) => stage.replaceChildren(make('p', { class: 'fault' }, words));
  if (!isPicture(row)) {
    word(`${row.type || 'This type'} cannot be shown here.`);
    return stage;
  }
  const image = make('img', { alt: `Picture ${row.name}`, fetchpriority: 'high' });
  image.addEventListener('error', () => word('The picture cannot be shown: it may be broken, or rendering is not allowed in this bucket.'));
  stage.append(image);
  if (bucket.public) image.src = publicPicture(bucket.id, row, 640);
  else privatePicture(bucket.id, row, 640, false).then((url) => { image.src = url; }, (fault) => word(fault.message));
  return stage;
}

const factsOf = ({ row }, further = []) => facts([
  ['Name', make('span', { class: 'mono' }, row.key)],
  ['Type', row.type],
  ['Size', bytesText(row.size)],
  ['Changed', time(row.updated)],
  ...further,
]);

/** Asks the operator's route for what the caches hold. */
async function look(view, known, variants, addresses) {
  const { bucket, row } = view;
  try {
    const state = await storage.state(bucket.id, row.key);
    const seen = state.version?.picture;
    if (seen) view.natural = seen;
    addresses?.show();
    known.replaceChildren(factsOf(view, [
      ['Pixels', seen && `${seen.width} × ${seen.height}`],
      ['Frames', seen?.frames > 1 ? seen.frames : null],
      ['Owner', state.original?.owner],
      ['State', state.state],
      ['Answers since start', state.requests && `${state.requests.hits} from the cache, ${state.requests.misses} made`],
    ]));
    variants.replaceChildren(variantTable(state.variants));
  } catch (fault) {
    variants.replaceChildren(make('p', { class: 'quiet' }, fault.status === 404 ? 'Nothing was made of it yet.' : fault.message));
  }
}

function variantTable(variants) {
  if (!variants.length) return make('p', { class: 'quiet' }, 'Nothing was made of it yet.');
  const where = (variant) => [variant.is_in_memory && 'memory', variant.is_stored && 'store'].filter(Boolean).join(', ');
  const row = (variant) => make('tr', { class: variant.is_current ? '' : 'old' },
    make('th', { scope: 'row' }, variant.made, variant.is_current ? null : make('span', { class: 'quiet' }, ' (older version)')),
    make('td', {}, kindText(variant.content_type)),
    make('td', { class: 'number' }, bytesText(variant.bytes)),
    make('td', { class: 'number' }, String(variant.hits ?? 0)),
    make('td', {}, where(variant)));
  const sum = variants.reduce((bytes, variant) => bytes + variant.bytes, 0);
  const head = ['Made', 'Type', 'Bytes', 'Hits', 'Where'].map((words) => make('th', { scope: 'col' }, words));
  return make('div', { class: 'table', tabIndex: 0, role: 'region', 'aria-label': 'Variants' },
    make('table', {}, make('caption', {}, `${variants.length === 1 ? 'One variant' : `${variants.length} variants`}, ${bytesText(sum)}`), make('thead', {}, make('tr', {}, head)), make('tbody', {}, variants.map(row))));
}

function actions(view, known, variants, addresses) {
  const { bucket, row, acts } = view;
  const picker = make('input', { type: 'file', class: 'unseen', tabIndex: -1, 'aria-hidden': 'true', accept: row.type || undefined });
  picker.addEventListener('change', () => { if (picker.files[0]) replaceFile(bucket, row.key, picker.files[0]); });
  const download = complaining(async () => {
    const answer = await storage.bytes(bucket.id, row.key);
    const link = make('a', { href: URL.createObjectURL(await answer.blob()), download: row.name.split('/').at(-1) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }, 'It could not be downloaded');
  const purge = complaining(async () => {
    await storage.purge(bucket.id, row.key);
    notice('Everything that was made of it is gone. It is made anew when it is asked for.');
    look(view, known, variants, addresses);
  });
  const warm = async () => { if (await warmFolder(bucket, row.key)) look(view, known, variants, addresses); };
  return make('div', { class: 'buttons part', role: 'toolbar', 'aria-label': 'What can be done' },
    button('Download', download), button('Replace', () => picker.click()), picker,
    acts.rename ? button('Rename', () => acts.rename()) : null,
    who.operates ? button('Purge', purge) : null, who.operates ? button('Warm', warm) : null,
    button('Delete', () => acts.remove(), { class: 'danger' }));
}
