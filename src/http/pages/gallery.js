// The gallery: figures beside each picture, and the workbench that asks for variants of one.
// Pictures need nothing of this: they are plain <img srcset>.

import { byId, bytesText, cacheState, element, kindText, timeText } from './figures.js';

const LADDER = [16, 32, 48, 64, 96, 128, 256, 384, 640, 750, 828, 1080, 1200, 1920, 2048, 3840];

// What browsers send for an <img>: Chromium with and without JPEG XL, Firefox (two ages of it), Safari.
const IMAGE_ACCEPTS = [
  'image/jxl,image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8',
  'image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8',
  'image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5',
  'image/avif,image/webp,*/*',
  'image/webp,image/avif,image/jxl,image/heic,image/heic-sequence,video/*;q=0.8,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5',
];

/** "97.6 % saved", or what it costs where the variant is larger than the original. */
function savedText(bytes, stored) {
  const part = 100 * (1 - bytes / stored);
  const digits = Math.abs(part) >= 99 || Math.abs(part) < 10 ? 1 : 0;
  return part >= 0 ? `${part.toFixed(digits)} % saved` : `${(-part).toFixed(digits)} % larger`;
}

function fillBar(bar, bytes, stored) {
  bar.firstElementChild.style.inlineSize = `${Math.min(100, (100 * bytes) / stored)}%`;
  bar.classList.toggle('over', bytes > stored);
}

/* What an answer says of itself. */

/** The parts of a fill; `total` and `cache` beside them are none. */
const STAGES = new Set(['fetch', 'decode', 'resize', 'encode']);

/** `fetch;dur=3.1, decode;dur=20` -> [{name, duration}], durations in milliseconds. */
function stagesOf(headers) {
  return (headers.get('server-timing') ?? '').split(',').flatMap((part) => {
    const [name, ...parameters] = part.split(';').map((piece) => piece.trim());
    const duration = parameters.find((piece) => piece.startsWith('dur='));
    return STAGES.has(name) && duration ? [{ name, duration: Number(duration.slice(4)) }] : [];
  });
}

/** The newest resource timing of a URL begun at `since` or later, waited for shortly: it may appear after the load event. */
async function timingOf(url, initiator, since = 0) {
  for (const wait of [0, 60, 250]) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    const entry = performance.getEntriesByName(url, 'resource')
      .findLast((one) => one.initiatorType === initiator && one.startTime >= since);
    if (entry) return entry;
  }
  return null;
}

const roundTrip = (entry) => entry.responseEnd - (entry.requestStart || entry.fetchStart);

/** No transfer but a body: the browser had it and asked nobody. */
const fromBrowser = (entry) => entry?.transferSize === 0 && entry.encodedBodySize > 0;

/* Cards. */

const measured = new Map();

// Which of IMAGE_ACCEPTS this browser sends: a promise, settled by the first picture found in the browser's cache.
let imageAccept = null;

/** The stored answer to an <img>'s request, from the browser's cache and never from the network; null if it is not there. */
async function storedAnswer(url, accept) {
  try {
    const answer = await fetch(url, { headers: { accept }, cache: 'only-if-cached', mode: 'same-origin' });
    return answer.ok ? answer : null;
  } catch {
    return null;
  }
}

/** A script cannot read what an <img> sends, but the stored answer (`Vary: Accept`) is found only by the same words. */
async function findAccept(url) {
  for (const accept of IMAGE_ACCEPTS) {
    if (await storedAnswer(url, accept)) return accept;
  }
  return null;
}

async function acceptOf(url) {
  const known = await imageAccept;
  if (known) return known;
  imageAccept = findAccept(url);
  return imageAccept;
}

/**
 * Figures of the picture on screen, told by its own request: bytes and time by its resource timing, type and
 * Cache-Status (which no timing entry has) by the headers that the browser stored with that very answer. Where those
 * are out of reach, the server is asked a second time, and the card says so: that answer's state is not the picture's.
 */
async function measureCard(card) {
  const picture = card.querySelector('.picture');
  const url = picture.currentSrc;
  const painted = await timingOf(url, 'img');
  const accept = await acceptOf(url);
  const own = accept && await storedAnswer(url, accept);
  const answer = own || await fetch(url, { headers: { accept: accept ?? IMAGE_ACCEPTS[1] } });
  const body = await answer.blob();
  if (picture.currentSrc !== url || !answer.ok) return;
  const asked = !fromBrowser(painted);
  const state = asked ? cacheState(answer.headers) : 'browser';
  showCard(card, {
    bytes: painted?.encodedBodySize || body.size,
    kind: kindText(answer.headers.get('content-type')),
    width: Math.min(Number(new URL(url).searchParams.get('w')), Number(card.dataset.width)),
    state: own || !asked || !state ? state : `${state}, asked twice`,
    time: painted && asked ? roundTrip(painted) : null,
  });
}

const STATE_TEXTS = { browser: 'browser’s copy', shared: 'miss, shared' };

function stateChip(state) {
  return element('span', `state state-${state.split(',')[0]}`, STATE_TEXTS[state] ?? state);
}

function showCard(card, { bytes, kind, width, state, time }) {
  const stored = Number(card.dataset.bytes);
  const [line, bar, share] = ['.measured', '.bar', '.share'].map((name) => card.querySelector(name));
  line.replaceChildren(element('b', '', bytesText(bytes)), element('span', '', `${kind} ${width}w`));
  if (state) line.append(stateChip(state));
  if (time !== null) line.append(element('span', '', timeText(time)));
  share.textContent = savedText(bytes, stored);
  fillBar(bar, bytes, stored);
  for (const part of [line, bar, share]) part.hidden = false;
  measured.set(card, bytes);
  showTotals();
}

/** Sums only what is on screen by now, on both sides, so that like is compared with like. */
function showTotals() {
  const all = document.querySelectorAll('.card').length;
  let [stored, shown] = [0, 0];
  for (const [card, bytes] of measured) {
    stored += Number(card.dataset.bytes);
    shown += bytes;
  }
  const count = measured.size === all ? `These ${all} pictures` : `${measured.size} of ${all} pictures so far`;
  const totals = byId('totals');
  totals.replaceChildren(
    `${count}: `, element('b', '', bytesText(stored)), ' as stored, ', element('b', '', bytesText(shown)), ' as shown here.',
  );
  totals.parentElement.hidden = false;
}

function storedText({ width, height, bytes, type }) {
  return `${width} × ${height}, ${bytesText(Number(bytes))} ${kindText(type)}`;
}

function prepareCard(card) {
  const picture = card.querySelector('.picture');
  const plate = card.querySelector('.plate');
  const measure = () => measureCard(card).catch(() => {});
  card.querySelector('.stored').textContent = `stored ${storedText(card.dataset)}`;
  picture.addEventListener('load', measure);
  picture.addEventListener('error', () => card.classList.add('failed'));
  if (picture.complete && picture.naturalWidth) measure();
  plate.setAttribute('aria-haspopup', 'dialog');
  plate.addEventListener('click', (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    openWorkbench(card);
  });
}

/* Dialects: what each can say, and how. `subject` is a card's dataset, `wish` a settled wish. */

function withQuery(path, parameters) {
  return `${path}?${new URLSearchParams(parameters)}`;
}

const DIALECTS = {
  native: {
    qualities: [1, 100],
    fits: ['cover', 'contain', 'fill', 'outside'],
    formats: ['auto', 'webp', 'jpeg', 'png'],
    blurs: true,
    url({ bucket, path }, { width, height, fit, quality, format, blur }) {
      const parameters = { w: width };
      if (height) Object.assign(parameters, { h: height, fit });
      if (quality !== 75) parameters.q = quality;
      if (format !== 'auto') parameters.f = format;
      if (blur) parameters.blur = blur;
      return withQuery(`/image/${bucket}/${path}`, parameters);
    },
  },
  supabase: {
    qualities: [20, 100],
    fits: ['cover', 'contain', 'fill'],
    formats: ['auto', 'origin'],
    url({ bucket, path }, wish) {
      return withQuery(`/storage/v1/render/image/public/${bucket}/${path}`, supabaseTransform(wish));
    },
  },
  next: {
    qualities: [75, 75],
    fits: [],
    formats: ['auto'],
    ladderOnly: true,
    url({ bucket, path }, { width, quality }) {
      return withQuery('/_next/image', { url: `/${bucket}/${path}`, w: width, q: quality });
    },
  },
};

function supabaseTransform({ width, height, fit, quality, format }) {
  const transform = { width };
  if (height) Object.assign(transform, { height, resize: fit });
  if (quality !== 80) transform.quality = quality;
  if (format === 'origin') transform.format = 'origin';
  return transform;
}

/** Brings a wish within what the dialect can say. Every change is named in `notes`. */
function settle(wish, dialect, natural) {
  const { qualities: [least, most], fits, formats, blurs, ladderOnly } = DIALECTS[dialect];
  const settled = { ...wish };
  const notes = [];
  if (ladderOnly && !LADDER.includes(wish.width)) {
    settled.width = LADDER.find((rung) => rung >= wish.width) ?? LADDER.at(-1);
    notes.push(`next/image allows listed widths only: ${wish.width} became ${settled.width}.`);
  }
  settled.quality = Math.min(most, Math.max(least, wish.quality));
  if (least === most && wish.quality !== most) notes.push(`next/image allows quality ${most} only.`);
  else if (settled.quality !== wish.quality) notes.push(`The Supabase dialect begins at quality ${least}.`);
  if (!fits.length && wish.height) notes.push('next/image names no height: scaled in proportion.');
  if (!fits.length) settled.height = null;
  if (!fits.includes(wish.fit)) settled.fit = 'cover';
  if (!blurs) settled.blur = 0;
  if (!blurs && wish.blur) notes.push('Blur is a word of the native dialect.');
  if (!formats.includes(wish.format)) {
    settled.format = 'auto';
    notes.push(`This dialect cannot name ${wish.format}: the Accept header decides.`);
  }
  if (settled.width > natural.width || settled.height > natural.height) {
    notes.push(`The original is ${natural.width} × ${natural.height}: nothing is enlarged.`);
  }
  return { settled, notes };
}

/* Snippets to copy. */

const quoted = (text) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
const attribute = (text) => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');

const SNIPPETS = {
  img: ({ subject, url, size }) =>
    `<img src="${attribute(location.origin + url)}"\n  width="${size.width}" height="${size.height}" alt="${attribute(subject.title)}" loading="lazy">`,

  next: ({ subject, dialect, wish, size }) => {
    const source = `/${subject.bucket}/${subject.path}`;
    const tag = `<Image src="${attribute(source)}" width={${size.width}} height={${size.height}} alt="${attribute(subject.title)}" />`;
    if (dialect === 'next') {
      return `// next.config.js: the default loader, asking here\nimages: { path: ${quoted(`${location.origin}/_next/image`)} }\n\n${tag}`;
    }
    const root = dialect === 'native' ? '/image' : '/storage/v1/render/image/public';
    const [width, quality] = dialect === 'native' ? ['w', 'q'] : ['width', 'quality'];
    return `// image-loader.js; next.config.js: images: { loader: 'custom', loaderFile: './image-loader.js' }\n`
      + `export default function tintype({ src, width, quality }) {\n`
      + `  return \`${location.origin}${root}\${src}?${width}=\${width}&${quality}=\${quality ?? ${wish.quality}}\`\n}\n\n${tag}`;
  },

  supabase: ({ subject, wish }) => {
    const settled = settle(wish, 'supabase', { width: Infinity, height: Infinity }).settled;
    const transform = JSON.stringify(supabaseTransform(settled)).replaceAll('"', ' ').replaceAll(' :', ': ')
      .replaceAll(/: +(cover|contain|fill|origin) /g, ": '$1'").replaceAll(/([,{]) +/g, '$1 ').replace('}', ' }');
    return `const supabase = createClient(${quoted(location.origin)}, key)\n\n`
      + `const { data } = supabase.storage.from(${quoted(subject.bucket)})\n`
      + `  .getPublicUrl(${quoted(subject.object)}, { transform: ${transform} })`;
  },
};

async function copyFrom(button) {
  const source = byId(button.dataset.copy);
  let copied = true;
  try {
    await navigator.clipboard.writeText(source.value ?? source.textContent);
  } catch {
    // The clipboard API exists only on https and localhost; elsewhere the selection is copied.
    if (source.select) source.select();
    else getSelection().selectAllChildren(source);
    copied = document.execCommand('copy');
  }
  button.textContent = copied ? 'Copied' : 'Press Ctrl C';
  setTimeout(() => { button.textContent = 'Copy'; }, 1600);
}

/* The workbench. */

const bench = { card: null, url: null, wish: null, running: null, timer: 0, size: null };

function readWish() {
  const form = byId('controls').elements;
  return {
    width: Math.min(8192, Math.max(1, Math.round(Number(form.width.value)) || 640)),
    height: Math.min(8192, Math.max(0, Math.round(Number(form.height.value)))) || null,
    fit: form.fit.value,
    quality: Number(form.quality.value),
    blur: Number(form.blur.value),
    format: form.format.value,
  };
}

/** Shows what of the form the dialect can say; the person's own values stay for when they switch back. */
function fitControls(dialect, wish, settled, notes) {
  const { fits, qualities, formats, blurs } = DIALECTS[dialect];
  const form = byId('controls').elements;
  form.height.disabled = !fits.length;
  form.fit.disabled = !fits.length || !wish.height;
  for (const option of form.fit.options) option.disabled = !fits.includes(option.value);
  form.quality.disabled = qualities[0] === qualities[1];
  form.blur.disabled = !blurs;
  for (const choice of form.format) choice.disabled = !formats.includes(choice.value) && !choice.checked;
  byId('quality-value').textContent = settled.quality;
  byId('blur-value').textContent = settled.blur;
  const rung = byId('rung');
  rung.value = LADDER.reduce((best, width, at) =>
    (Math.abs(width - wish.width) < Math.abs(LADDER[best] - wish.width) ? at : best), 0);
  rung.setAttribute('aria-valuetext', `${wish.width} pixels`);
  byId('notes').textContent = notes.join(' ');
}

/** Reads the form, shows the URL at once, and asks for it when the hand rests. */
function changed() {
  const subject = bench.card.dataset;
  const dialect = byId('controls').elements.dialect.value;
  const wish = readWish();
  const natural = { width: Number(subject.width), height: Number(subject.height) };
  const { settled, notes } = settle(wish, dialect, natural);
  fitControls(dialect, wish, settled, notes);
  Object.assign(bench, { dialect, wish: settled });
  const url = DIALECTS[dialect].url(subject, settled);
  if (url === bench.url) return;
  bench.url = url;
  byId('address').value = location.origin + url;
  byId('trail').replaceChildren();
  bench.running?.abort();
  clearTimeout(bench.timer);
  bench.timer = setTimeout(ask, 140);
}

/**
 * Asks the server, never the browser's cache, and shows what came. `timing=1` makes it send Server-Timing and does
 * not enter its cache key, so the URL to copy does without.
 */
async function ask() {
  bench.running?.abort();
  const running = new AbortController();
  bench.running = running;
  const url = `${bench.url}&timing=1`;
  byId('stage').setAttribute('aria-busy', 'true');
  try {
    const accept = (await imageAccept) ?? IMAGE_ACCEPTS[1];
    const started = performance.now();
    const answer = await fetch(url, { headers: { accept }, cache: 'reload', signal: running.signal });
    const body = await answer.blob();
    const waited = performance.now() - started;
    if (!answer.ok) throw new Error(await faultText(answer, body));
    const entry = await timingOf(new URL(url, location).href, 'fetch', started - 1);
    if (running.signal.aborted) return;
    showAnswer(answer, body.size, entry ? roundTrip(entry) : waited);
    await showVariant(url);
    showFault(null);
  } catch (fault) {
    if (!running.signal.aborted) showFault(fault.message);
  } finally {
    if (bench.running === running) byId('stage').removeAttribute('aria-busy');
  }
}

/** The reason in an error's envelope: problem JSON, Supabase's JSON or plain text. */
async function faultText(answer, body) {
  const text = await body.text();
  let reason = text;
  try {
    const { detail, title, message } = JSON.parse(text);
    reason = detail ?? message ?? title ?? text;
  } catch { /* plain text */ }
  return `${answer.status}: ${reason.slice(0, 300)}`;
}

function showFault(reason) {
  byId('fault').textContent = reason ?? '';
  byId('fault').hidden = reason === null;
  byId('compare').hidden = reason !== null;
  if (reason === null) return;
  for (const id of ['answer-kind', 'answer-saved', 'stages-text', 'shown']) byId(id).textContent = '';
  byId('answer-bytes').textContent = 'no picture';
  fillBar(byId('answer-bar'), 0, 1);
  byId('stages').replaceChildren();
}

function showAnswer(answer, bytes, time) {
  const stored = Number(bench.card.dataset.bytes);
  const state = cacheState(answer.headers) ?? 'served';
  byId('answer-bytes').textContent = bytesText(bytes);
  byId('answer-kind').textContent = kindText(answer.headers.get('content-type'));
  byId('answer-saved').textContent = `of ${bytesText(stored)} stored: ${savedText(bytes, stored)}`;
  fillBar(byId('answer-bar'), bytes, stored);
  const trail = byId('trail');
  const row = element('li');
  row.append(stateChip(state), element('span', '', timeText(time)));
  trail.append(row);
  while (trail.children.length > 4) trail.firstElementChild.remove();
  showStages(stagesOf(answer.headers), state);
  byId('answer-live').textContent = `${bytesText(bytes)}, ${state}, ${timeText(time)}`;
}

function showStages(stages, state) {
  const strip = byId('stages');
  const sum = stages.reduce((total, { duration }) => total + duration, 0);
  strip.replaceChildren(...stages.map(({ name, duration }) => {
    const part = element('span', `stage-${name}`);
    part.style.flexGrow = duration / (sum || 1);
    return part;
  }));
  byId('stages-text').replaceChildren(...(sum
    ? stages.map(({ name, duration }) => element('span', `key key-${name}`, `${name} ${timeText(duration)}`))
    : [state === 'hit' ? 'No work: the variant was there.' : 'The server told no stages.']));
}

/** Paints the answer just measured: same URL, same Accept, so the browser takes it from its own cache. */
async function showVariant(url) {
  const variant = byId('variant');
  variant.src = url;
  await variant.decode();
  bench.size = { width: variant.naturalWidth, height: variant.naturalHeight };
  const compare = byId('compare');
  compare.style.setProperty('--ratio', bench.size.width / bench.size.height);
  compare.style.setProperty('--pixels', `${bench.size.width / devicePixelRatio}px`);
  byId('original').classList.toggle('stretched', bench.wish.fit === 'fill');
  showScale();
  showSnippet();
}

function showScale() {
  if (!bench.size || byId('compare').hidden) return;
  const { width, height } = bench.size;
  const scale = (byId('compare').clientWidth * devicePixelRatio) / width;
  byId('shown').textContent = `${width} × ${height} px, shown at ${Math.round(100 * scale)} %`;
}

function showSnippet() {
  if (!bench.size) return;
  const kind = document.querySelector('input[name=snippet]:checked').value;
  byId('snippet').textContent = SNIPPETS[kind]({
    subject: bench.card.dataset, dialect: bench.dialect, wish: bench.wish, url: bench.url, size: bench.size,
  });
}

function showDivide() {
  const divider = byId('divider');
  const split = byId('original').hidden ? 0 : divider.value;
  byId('compare').style.setProperty('--split', `${split}%`);
  divider.setAttribute('aria-valuetext', `${split} % original`);
}

/** The original is as large as it was stored, so it is loaded only once its picture is on the bench. */
function loadOriginal(card) {
  const original = byId('original');
  const compare = byId('compare');
  original.hidden = true;
  compare.classList.remove('comparing');
  original.onload = () => {
    original.hidden = false;
    compare.classList.add('comparing');
    showDivide();
  };
  original.src = card.querySelector('.plate').href;
  showDivide();
}

function openWorkbench(card) {
  Object.assign(bench, { card, url: null, size: null });
  byId('workbench-title').textContent = card.dataset.title;
  byId('bench-stored').textContent = `${card.dataset.bucket}/${card.dataset.object}: ${storedText(card.dataset)}`;
  byId('variant').removeAttribute('src');
  byId('variant').alt = card.dataset.title;
  byId('compare').style.setProperty('--ratio', card.dataset.width / card.dataset.height);
  if (!byId('workbench').open) byId('workbench').showModal();
  loadOriginal(card);
  changed();
}

function step(by) {
  const cards = [...document.querySelectorAll('.card')];
  openWorkbench(cards[(cards.indexOf(bench.card) + by + cards.length) % cards.length]);
}

function prepareWorkbench() {
  const dialog = byId('workbench');
  const form = byId('controls');
  byId('rung').addEventListener('input', (event) => {
    form.elements.width.value = LADDER[event.target.value];
  });
  form.addEventListener('input', changed);
  form.addEventListener('submit', (event) => event.preventDefault());
  byId('again').addEventListener('click', ask);
  byId('divider').addEventListener('input', showDivide);
  byId('bench-previous').addEventListener('click', () => step(-1));
  byId('bench-next').addEventListener('click', () => step(1));
  byId('bench-close').addEventListener('click', () => dialog.close());
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
  dialog.addEventListener('close', () => {
    clearTimeout(bench.timer);
    bench.running?.abort();
    bench.card.querySelector('.plate').focus();
  });
  byId('true-size').addEventListener('change', (event) => {
    byId('stage').classList.toggle('true-size', event.target.checked);
    showScale();
  });
  new ResizeObserver(showScale).observe(byId('compare'));
  for (const choice of document.querySelectorAll('input[name=snippet]')) choice.addEventListener('change', showSnippet);
  for (const button of document.querySelectorAll('[data-copy]')) button.addEventListener('click', () => copyFrom(button));
}

// The browser forgets entries beyond 250; a large gallery has more.
performance.setResourceTimingBufferSize(3000);
prepareWorkbench();
for (const card of document.querySelectorAll('.card')) prepareCard(card);
