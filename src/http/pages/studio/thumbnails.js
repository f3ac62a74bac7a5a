// Little pictures of objects: from public URLs where there are, else fetched with the key and shown from memory.

import { draw, make, pause } from './dom.js';
import { at, bytes } from './storage.js';

/** What can be rendered. */
const PICTURES = new Set(['image/jpeg', 'image/jpg', 'image/png', 'image/webp', 'image/avif', 'image/gif', 'image/heic']);
export const isPicture = (row) => PICTURES.has(row.type.split(';')[0]);

/** Fetched pictures that are kept in memory. */
const KEPT = 240;
/** Thumbnails on their way at once: browsers have six connections to a server, and what people ask for must not wait. */
const AT_ONCE = 3;
/** Milliseconds that a cell has to be there before its picture is asked for: nothing is fetched while somebody flies by. */
const RESTS = 90;

/** Milliseconds after which the others need not wait for one any more. */
const PATIENCE = 4000;

const fetched = new Map();
const waiting = [];
let running = 0;

const renderQuery = (width, square) => new URLSearchParams({ width, ...(square ? { height: width, resize: 'cover' } : {}), quality: 75 });

/** The URL of a public object's rendering. `updated` makes browsers ask again for what was replaced. */
export const publicPicture = (bucket, row, width, square = false) => `/storage/v1/render/image/public/${at(bucket, row.key)}?${renderQuery(width, square)}&cacheNonce=${encodeURIComponent(row.updated)}`;

/** A `blob:` URL of a private object's rendering. */
export async function privatePicture(bucket, row, width, square) {
  const name = `${bucket}/${row.key}@${width}${square ? 's' : ''}:${row.updated}`;
  const known = fetched.get(name);
  if (known) {
    fetched.delete(name);
    fetched.set(name, known);
    return known;
  }
  const answer = await bytes(bucket, row.key, renderQuery(width, square));
  const url = URL.createObjectURL(await answer.blob());
  fetched.set(name, url);
  if (fetched.size > KEPT) forgetOldest();
  return url;
}

function forgetOldest() {
  const [name, url] = fetched.entries().next().value;
  fetched.delete(name);
  URL.revokeObjectURL(url);
}

/** Does it as soon as there is room. Who came last is first: they are what is looked at now. */
async function inTurn(act) {
  if (running >= AT_ONCE) await new Promise((resolve) => { waiting.push(resolve); });
  running += 1;
  try {
    await act();
  } finally {
    running -= 1;
    waiting.pop()?.();
  }
}

/** What stands for the object where there is no picture: its ending. */
const ending = (row) => row.name.match(/\.([a-z0-9]{1,5})$/i)?.[1].toUpperCase() ?? 'FILE';

/** A thumbnail that fills its cell. */
export function thumbnail(bucket, row, isPublic, width = 256) {
  const box = make('span', { class: 'thumb' });
  const word = () => box.replaceChildren(make('span', { class: 'ending' }, ending(row)));
  if (row.folder) {
    box.append(draw('svg', { viewBox: '0 0 24 24', class: 'folder-mark', 'aria-hidden': 'true' }, draw('path', { d: 'M3 6.5V18h18V8h-9.5L9.7 6z' })));
    return box;
  }
  if (!isPicture(row)) {
    word();
    return box;
  }
  const image = make('img', { alt: '', decoding: 'async', draggable: 'false' });
  const come = async () => {
    if (!box.isConnected) return;
    const over = new Promise((resolve, reject) => {
      image.addEventListener('load', resolve);
      image.addEventListener('error', reject);
    });
    // Waited for below: it may fail before.
    over.catch(() => {});
    image.src = isPublic ? publicPicture(bucket, row, width, true) : await privatePicture(bucket, row, width, true);
    over.then(() => box.classList.add('loaded'), word);
    await Promise.race([over, pause(PATIENCE)]);
  };
  setTimeout(() => { if (box.isConnected) inTurn(come).catch(word); }, RESTS);
  box.append(image);
  return box;
}
