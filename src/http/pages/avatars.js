// The page for avatars: speaks to the server as an app does, through the routes that apps use.
//
// One event stream tells how far each job is. What was missed while nobody listened is asked for when it opens again, so a
// page that was reloaded, or cut off, comes to the same end. Whatever people wrote is put into the page as text.

import { eventsOf } from './events.js';
import { byId, bytesText, cacheState, element, kindText, timeText } from './figures.js';

const BUCKET = 'kinkster-avatars';
const STEPS = ['generating', 'downloading', 'uploading', 'completed'];
const SIZES = [640, 256, 64];
/** What Chromium sends for an <img>: the answer that was looked at is then the one that is shown. */
const IMAGE_ACCEPT = 'image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8';

const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

/* Who is here. The server knows this browser by a cookie that no script sees; tokens live a quarter of an hour. */

const session = { user: null, token: null, until: 0, asking: null };

async function signIn() {
  const answer = await fetch('/demo/session', { method: 'POST', cache: 'no-store' });
  const said = await answer.json();
  if (!answer.ok) throw new Refusal(answer, said);
  Object.assign(session, { user: said.user_id, token: said.token, until: Date.now() + said.expires_in * 1000 });
}

async function authorization() {
  if (Date.now() > session.until - 60_000) {
    session.asking ??= signIn().finally(() => { session.asking = null; });
    await session.asking;
  }
  return `Bearer ${session.token}`;
}

/** An answer that says no. `wait`: seconds after which asking again makes sense. */
class Refusal extends Error {
  constructor(answer, { error, details }) {
    super(error ?? `The server answered ${answer.status}.`);
    Object.assign(this, { status: answer.status, details, wait: Number(answer.headers.get('retry-after')) || 0 });
  }
}

async function call(method, path, body, options = {}) {
  const headers = { authorization: await authorization(), ...options.headers };
  if (body) headers['content-type'] = 'application/json';
  const answer = await fetch(path, { ...options, method, headers, body: body && JSON.stringify(body), cache: 'no-store' });
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refusal(answer, said);
  return said;
}

/** `crypto.randomUUID` is for https and localhost alone. */
const nonce = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');

/* The sheet. */

const sheet = byId('sheet');

const SAMPLES = [
  { name: 'Maren', archetype: 'Lighthouse keeper', trait: ['patient', 'dry-humoured', 'wide awake'], hair: 'long, silver', eyes: 'grey', skin_tone: 'fair', top: 'navy sweater', worn: ['scarf'], background: 'environment', environment: 'a coast at dawn', color: 'blue' },
  { name: 'Tomasz', archetype: 'Clockmaker', trait: ['exact', 'gentle', 'curious'], hair: 'short, brown', eyes: 'hazel', beard: 'full, brown', skin_tone: 'light', top: 'green waistcoat over a white shirt', worn: ['glasses'], background: 'solid', color: 'beige' },
  { name: 'Adaeze', archetype: 'Orchestra conductor', trait: ['commanding', 'warm', 'precise'], hair: 'black curls', eyes: 'brown', skin_tone: 'deep', top: 'black jacket', worn: ['earrings'], background: 'gradient', color: 'purple' },
  { name: 'Ilse', archetype: 'Botanist', trait: ['thoughtful', 'stubborn', 'cheerful'], hair: 'ginger braids', eyes: 'green', skin_tone: 'pale', top: 'yellow raincoat', worn: ['hat'], background: 'environment', environment: 'a greenhouse', color: 'green' },
  { name: 'Kenji', archetype: 'Night-train steward', trait: ['courteous', 'quick', 'discreet'], hair: 'short, black', eyes: 'dark brown', skin_tone: 'medium', top: 'red jacket', background: 'solid', color: 'teal' },
  { name: 'Reva', archetype: 'Queen of a small island', trait: ['wry', 'generous', 'restless'], hair: 'long, dark brown', eyes: 'amber', skin_tone: 'bronze', top: 'orange dress', worn: ['crown', 'earrings'], background: 'gradient', color: 'pink' },
  { name: 'Bo', archetype: 'Cartographer', trait: ['calm', 'observant', 'kind'], hair: 'blonde bob', eyes: 'blue', skin_tone: 'fair', top: 'grey coat', worn: ['scarf', 'glasses'], background: 'minimal', color: 'yellow' },
];

const values = (name) => new FormData(sheet).getAll(name).map((value) => value.trim()).filter(Boolean);
const value = (name) => values(name)[0];

/** What is written on the sheet, as it is kept for later. */
function written() {
  const one = ['name', 'archetype', 'hair', 'eyes', 'skin_tone', 'beard', 'top', 'background', 'color', 'environment', 'preset', 'custom_prompt'];
  const several = ['trait', 'worn'];
  return Object.fromEntries([...one.map((name) => [name, value(name)]), ...several.map((name) => [name, values(name)])]);
}

/** The same as the server takes it. Names without a value do not arrive at all. */
function wishes() {
  const own = written();
  return {
    character_data: { name: own.name, archetype: own.archetype, personality_traits: own.trait },
    props: {
      physical: { hair: own.hair, eyes: own.eyes, skin_tone: own.skin_tone, beard: own.beard },
      clothing: { top: own.top ? [own.top] : [] },
      character_accessories: Object.fromEntries(own.worn.map((name) => [name, true])),
      background: {
        type: own.background,
        color: own.color,
        environment: own.background === 'environment' ? own.environment : undefined,
      },
    },
    custom_prompt: own.custom_prompt,
    preset: own.preset,
  };
}

function write(own) {
  for (const input of sheet.elements) {
    if (input.type === 'radio') input.checked = input.value === (own[input.name] ?? 'minimal');
    else if (input.type === 'checkbox') input.checked = (own[input.name] ?? []).includes(input.value);
    else if (input.type === 'text' && input.name !== 'trait') input.value = own[input.name] ?? '';
  }
  sheet.querySelectorAll('[name=trait]').forEach((input, at) => { input.value = own.trait?.[at] ?? ''; });
  sheet.elements.custom_prompt.value = own.custom_prompt ?? '';
  if (own.preset) sheet.elements.preset.value = own.preset;
  changed();
}

/** Whether somebody wrote before this script ran, or the browser brought back what was written. */
const isTouched = () => [...sheet.elements].some((input) => 'defaultValue' in input
  && (input.value !== input.defaultValue || Boolean(input.checked) !== Boolean(input.defaultChecked)));

let sampled = Math.floor(Math.random() * SAMPLES.length);

function writeSample() {
  sampled = (sampled + 1) % SAMPLES.length;
  write({ ...SAMPLES[sampled], preset: value('preset') });
}

/* The prompt that would be sent. */

const preview = { timer: 0, running: null };

function changed() {
  byId('place').hidden = value('background') !== 'environment';
  clearTimeout(preview.timer);
  preview.timer = setTimeout(showPrompt, 200);
}

async function showPrompt() {
  preview.running?.abort();
  if (!value('name')) {
    showPromptFault('Somebody without a name cannot be painted.', 'name');
    return;
  }
  const running = new AbortController();
  preview.running = running;
  try {
    const { prompt, generation_config: config } = await call('POST', '/api/avatars/prompt', wishes(), { signal: running.signal });
    if (running.signal.aborted) return;
    byId('prompt').textContent = prompt;
    byId('prompt-figures').textContent = [`${prompt.length} of 4000 characters`, config.model, config.size, config.quality].filter(Boolean).join(', ');
    showPromptFault(null);
  } catch (fault) {
    if (!running.signal.aborted) showPromptFault(fault.message, fault.details?.field);
  }
}

/** `field`: a path such as `props.physical.hair`, whose last word is the name of the input. */
function showPromptFault(text, field = '') {
  byId('prompt-fault').textContent = text ?? '';
  byId('prompt-fault').hidden = text === null;
  const name = field.split('.').at(-1).replace(/\[\d+\]$/, '');
  for (const input of sheet.querySelectorAll('input, select, textarea')) {
    const wrong = text !== null && (input.name === name || (input.name === 'trait' && name === 'personality_traits'));
    if (wrong) input.setAttribute('aria-invalid', 'true');
    else input.removeAttribute('aria-invalid');
  }
}

/* Jobs, as far as they are known. */

const jobs = new Map();
let current = null;
/** Somebody has just pressed Generate: the next new job is theirs, even where its first event is here before its answer. */
let awaited = false;

const isOver = (job) => ['completed', 'error'].includes(job.status);
/** Listed jobs have a state of their own, told ones do not; both say what went wrong. */
const stateOf = (job) => (job.state === 'cancelled' ? 'cancelled' : job.status);

/** Takes what was told of a job, unless newer is known. */
function take(told) {
  const id = told.job_id;
  const known = jobs.get(id);
  if (known && known.seq > told.seq) return;
  const at = { ...known?.at };
  if (told.status !== 'error') at[told.status] ??= Date.parse(told.timestamp);
  const job = { ...known, ...told, at };
  // Tried again, a job begins anew.
  if (known && isOver(known) && !isOver(job)) job.at = { [job.status]: Date.parse(told.timestamp) };
  if (!isOver(job)) for (const gone of ['state', 'error', 'storage_path', 'storage_url']) if (!(gone in told)) delete job[gone];
  jobs.set(id, job);
  if (!known && awaited) show(id);
  else if (id === current) showCurrent();
  showHistory();
  if (isOver(job) && !job.finished_at) ask(id);
}

/** The whole row: what is told of a job has neither its model nor its prompt. */
async function ask(id) {
  const row = await call('GET', `/api/avatars/jobs/${id}`).catch(() => null);
  // A row that was read before it ended leaves the end to what is told next.
  if (row) take(row);
}

async function refresh() {
  const listed = await call('GET', '/api/avatars/jobs?limit=48');
  listed.jobs.toReversed().forEach(take);
  const newest = listed.jobs[0];
  if (!current && newest && (!isOver(newest) || newest.status === 'completed')) show(newest.job_id);
}

/** Sheets by job, kept in this browser: the server keeps prompts. */
const KEPT = 'tintype-demo-sheets';

function sheets() {
  try {
    return new Map(JSON.parse(localStorage.getItem(KEPT) ?? '[]'));
  } catch {
    return new Map();
  }
}

function keepSheet(id, own) {
  try {
    localStorage.setItem(KEPT, JSON.stringify([...sheets(), [id, own]].slice(-60)));
  } catch { /* a browser that keeps nothing */ }
}

function nameOf(job) {
  const told = job.prompt?.match(/The character is ([^.,]{1,80})/);
  return sheets().get(job.job_id)?.name ?? told?.[1] ?? 'Somebody';
}

/* The event stream: a fetch, so that its token is in a header and not in a URL. */

async function listen() {
  for (let wait = 500; ; wait = Math.min(10_000, wait * 2)) {
    try {
      const answer = await fetch('/api/avatars/events', { headers: { authorization: await authorization() }, cache: 'no-store' });
      if (answer.status === 401) session.until = 0;
      if (!answer.ok) throw new Refusal(answer, {});
      await refresh();
      byId('offline').hidden = true;
      wait = 250;
      for await (const { data } of eventsOf(answer.body)) take(JSON.parse(data));
    } catch {
      byId('offline').hidden = false;
    }
    await pause(wait);
  }
}

/* What is done. */

async function generate(event) {
  event.preventDefault();
  const own = written();
  awaited = true;
  busy(true);
  try {
    const body = { ...wishes(), user_id: (await authorization()) && session.user };
    const said = await call('POST', '/functions/v1/generate-kinkster-avatar', body, { headers: { 'idempotency-key': nonce() } });
    keepSheet(said.job_id, own);
    showQuota(null);
    if (current !== said.job_id) show(said.job_id);
    else showCurrent();
    lookAtPlate();
    // Where the first word is late or the stream is lost, the row says it.
    ask(said.job_id);
  } catch (fault) {
    refused(fault);
  } finally {
    awaited = false;
    busy(false);
  }
}

async function cancel() {
  try {
    take(await call('DELETE', `/api/avatars/jobs/${current}`));
  } catch (fault) {
    byId('message').textContent = `${fault.message}.`;
  }
}

async function retry() {
  try {
    take(await call('POST', `/api/avatars/jobs/${current}/retry`));
    showQuota(null);
  } catch (fault) {
    refused(fault);
  }
}

function busy(yes) {
  byId('generate').disabled = yes || quota.until > Date.now();
}

/* Refusals. A quota's is shown with its wait, which runs down. */

const quota = { until: 0, timer: 0 };

const QUOTAS = {
  user_minute: 'That is as much as one person may ask for in a minute.',
  user_day: 'That is as much as one person may have painted in a day.',
  day: 'That is as much as is painted here in a day.',
  money: 'Today’s budget is spent.',
};

function refused(fault) {
  if (fault.status === 429) showQuota(fault);
  else {
    showQuota(null);
    byId('quota').textContent = [fault.message, fault.details?.reason].filter(Boolean).join(': ');
    byId('quota').hidden = false;
  }
}

function waitText(seconds) {
  if (seconds < 90) return `${seconds} s`;
  return seconds < 5400 ? `${Math.ceil(seconds / 60)} min` : `${Math.ceil(seconds / 3600)} h`;
}

function showQuota(fault) {
  clearInterval(quota.timer);
  quota.until = fault ? Date.now() + fault.wait * 1000 : 0;
  byId('quota').hidden = !fault;
  busy(false);
  if (!fault) return;
  const wait = element('b', '', waitText(fault.wait));
  // The number runs down for the eye alone; it was said once.
  byId('quota').replaceChildren(QUOTAS[fault.details?.quota] ?? fault.message, ' The next is possible in ', wait, '.');
  quota.timer = setInterval(() => {
    const left = Math.ceil((quota.until - Date.now()) / 1000);
    if (left <= 0) showQuota(null);
    else wait.textContent = waitText(left);
  }, 1000);
  byId('quota').setAttribute('aria-live', 'off');
}

/* The easel. */

/** On a small screen the plate is below the sheet. */
function lookAtPlate() {
  const { top, bottom } = byId('plate').getBoundingClientRect();
  if (Math.min(bottom, innerHeight) - Math.max(top, 0) > (bottom - top) / 2) return;
  const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  byId('plate').scrollIntoView({ block: 'center', behavior: calm ? 'auto' : 'smooth' });
}

function show(id) {
  current = id;
  showCurrent();
  showHistory();
}

function showCurrent() {
  const job = jobs.get(current);
  if (!job) return;
  const state = stateOf(job);
  const over = isOver(job);
  byId('sitter').textContent = nameOf(job);
  byId('detail').textContent = detailOf(job);
  byId('message').textContent = over && state !== 'completed' ? '' : `${job.message}.`;
  byId('progress').value = over && state !== 'completed' ? 0 : job.progress;
  byId('cancel').hidden = over;
  byId('retry').hidden = !over || state === 'completed';
  byId('reuse').hidden = !over || !sheets().has(job.job_id);
  showSteps(job);
  showTrouble(over && state !== 'completed' ? job.error ?? job.message : null);
  byId('plate').dataset.state = state;
  if (state === 'completed' && job.storage_path) showViews(job);
  else hideViews();
}

function detailOf(job) {
  const { model, size, quality } = job.generation_config ?? {};
  const cost = job.cost_usd ? `$${job.cost_usd.toFixed(3)}` : null;
  return [model, size, quality, cost].filter(Boolean).join(', ');
}

function showSteps(job) {
  const reached = STEPS.indexOf(job.status);
  const began = Date.parse(job.created_at) || job.at.generating;
  document.querySelectorAll('#steps li').forEach((item, index) => {
    const at = job.at[item.dataset.step];
    item.classList.toggle('done', index < reached || job.status === 'completed');
    if (index === reached && !isOver(job)) item.setAttribute('aria-current', 'step');
    else item.removeAttribute('aria-current');
    item.querySelector('.at').textContent = at && began && at >= began ? `${((at - began) / 1000).toFixed(2)} s` : '';
  });
}

function showTrouble(text) {
  byId('trouble').hidden = text === null;
  byId('trouble').textContent = text ?? '';
}

/** As an app's loader asks for it; `quality` is that of the pictures that are made before the end is told. */
function urlOf(path, width) {
  const encoded = path.split('/').map(encodeURIComponent).join('/');
  return `/storage/v1/render/image/public/${BUCKET}/${encoded}?width=${width}&quality=75`;
}

let viewed = null;

function hideViews() {
  viewed = null;
  byId('views').hidden = true;
  byId('view-640').hidden = true;
}

function showViews(job) {
  if (viewed === job.storage_path) return;
  viewed = job.storage_path;
  byId('view-640').hidden = true;
  byId('views').hidden = false;
  const link = byId('address');
  link.href = `/storage/v1/object/public/${BUCKET}/${job.storage_path.split('/').map(encodeURIComponent).join('/')}`;
  link.textContent = job.storage_path;
  for (const width of SIZES) {
    // Nobody is shown under another's name, however short.
    byId(`view-${width}`).removeAttribute('src');
    showView(job, width).catch(() => showTrouble('The picture could not be loaded.'));
  }
}

/** Looks at the first answer's own words, then shows that answer: the browser has it. */
async function showView(job, width) {
  const [image, figures] = [byId(`view-${width}`), byId(`figures-${width}`)];
  const path = job.storage_path;
  const url = urlOf(path, width);
  image.alt = `${nameOf(job)}, ${width} pixels wide`;
  figures.replaceChildren();
  const began = performance.now();
  const answer = await fetch(url, { headers: { accept: IMAGE_ACCEPT } });
  const body = await answer.blob();
  const time = performance.now() - began;
  if (viewed !== path) return;
  image.src = url;
  image.hidden = false;
  const parts = [width === SIZES[0] ? `${width} px, above` : `${width} px`, `${bytesText(body.size)} ${kindText(answer.headers.get('content-type'))}`, timeText(time)];
  const state = cacheState(answer.headers);
  figures.replaceChildren(...parts.map((text) => element('span', '', text)));
  if (state) figures.append(element('span', `state state-${state}`, state));
}

/* What came before. */

function showHistory() {
  const rows = [...jobs.values()].toSorted((one, other) => (one.job_id < other.job_id ? 1 : -1));
  const list = byId('history');
  const known = new Map([...list.children].map((item) => [item.dataset.job, item]));
  rows.forEach((job, at) => {
    const card = showCard(known.get(job.job_id) ?? newCard(job), job);
    // A card that is taken out, however shortly, loses its focus and the press that was begun on it.
    if (list.children[at] !== card) list.insertBefore(card, list.children[at] ?? null);
  });
}

function newCard(job) {
  const item = element('li');
  item.dataset.job = job.job_id;
  const button = element('button');
  button.type = 'button';
  button.append(element('span', 'print'), element('span', 'who'), element('span', 'when'));
  button.addEventListener('click', () => {
    show(job.job_id);
    lookAtPlate();
  });
  item.append(button);
  return item;
}

const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });

/** The hour of what is of today, the day of anything older. */
function whenText(created) {
  if (!created) return '';
  const time = new Date(created);
  return time.toDateString() === new Date().toDateString() ? CLOCK.format(time) : DAY.format(time);
}

function showCard(item, job) {
  const [print, who, when] = ['.print', '.who', '.when'].map((name) => item.querySelector(name));
  const state = stateOf(job);
  if (item.dataset.state !== state) {
    item.dataset.state = state;
    print.replaceChildren(state === 'completed' && job.storage_path ? thumbnail(job) : state);
  }
  who.textContent = nameOf(job);
  when.textContent = whenText(job.created_at);
  const button = item.firstElementChild;
  if (job.job_id === current) button.setAttribute('aria-current', 'true');
  else button.removeAttribute('aria-current');
  return item;
}

function thumbnail(job) {
  const image = element('img');
  image.alt = '';
  image.loading = 'lazy';
  image.decoding = 'async';
  image.width = 128;
  image.height = 128;
  image.srcset = `${urlOf(job.storage_path, 128)} 1x, ${urlOf(job.storage_path, 256)} 2x`;
  return image;
}

sheet.addEventListener('submit', generate);
sheet.addEventListener('input', changed);
byId('sample').addEventListener('click', writeSample);
byId('cancel').addEventListener('click', cancel);
byId('retry').addEventListener('click', retry);
byId('reuse').addEventListener('click', () => {
  write(sheets().get(current));
  byId('name').focus();
});
if (isTouched()) changed();
else writeSample();
listen();
