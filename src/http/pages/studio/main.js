// The management page: who is here, where they are, and what they see of it.

import { button, byId, make } from './dom.js';
import { call, verify } from './api.js';
import { complain } from './notices.js';
import { here, go, to } from './routes.js';
import { forget, signIn, who } from './session.js';

/** What is to be seen, beside the buckets. Asked for when it is opened. */
const VIEWS = {
  avatars: ['Avatars', () => import('./avatars.js')],
  jobs: ['Jobs', () => import('./jobs.js')],
  usage: ['Usage', () => import('./usage.js')],
  audit: ['Audit log', () => import('./audit.js')],
};
const PROOFS = 'task-proofs';

let buckets = [];
let view = null;
let turn = 0;

/** Whether the server lets this key do the operator's work: it is asked, not guessed. */
async function askPowers() {
  try {
    await call('GET', '/admin/cleanup/runs?limit=1');
    who.operates = true;
  } catch (fault) {
    if (!fault.isForbidden) throw fault;
    who.operates = false;
  }
}

async function begin() {
  for (;;) {
    await signIn('', verify);
    try {
      await askPowers();
      await loadBuckets();
      break;
    } catch (fault) {
      complain(fault);
      forget();
    }
  }
  byId('who-text').textContent = { service: 'Service key', user: who.name, visitor: who.name }[who.role];
  byId('who').hidden = false;
  byId('desk').hidden = false;
  await show();
}

async function loadBuckets() {
  buckets = await (await import('./buckets.js')).known();
}

function places(at) {
  const link = (words, href, current) => make('li', {}, make('a', { href, 'aria-current': current ? 'page' : undefined }, words));
  const shown = Object.entries(VIEWS).filter(([name]) => name !== 'audit' || who.operates);
  const items = [
    make('h2', { id: 'places-buckets' }, 'Buckets'),
    make('ul', { 'aria-labelledby': 'places-buckets' }, buckets.map((bucket) => link(bucket.name, to('objects', bucket.id), at.view === 'objects' && at.first === bucket.id))),
    make('div', { class: 'buttons' }, who.role === 'service'
      ? button('New bucket', () => edit(null), { class: 'plain' })
      : button('Open another', openAnother, { class: 'plain', 'aria-label': 'Open another bucket' })),
    make('h2', { id: 'places-rest' }, 'People and work'),
    make('ul', { 'aria-labelledby': 'places-rest' }, shown.map(([name, [words]]) => link(words, to(name), at.view === name)),
      buckets.some((bucket) => bucket.id === PROOFS) ? link('Proofs', to('proofs'), at.view === 'proofs') : null),
    who.operates ? null : make('p', { class: 'hint' }, 'The server keeps the audit log, variants, purge and warm for service keys: not for what you signed in with.'),
  ];
  byId('places').replaceChildren(...items.filter(Boolean));
  byId('places').querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
}

async function openAnother() {
  const bucket = await (await import('./buckets.js')).openByName();
  if (!bucket) return;
  if (!buckets.some((known) => known.id === bucket.id)) buckets.push(bucket);
  go('objects', bucket.id);
}

async function edit(bucket) {
  const { bucketForm } = await import('./buckets.js');
  const id = await bucketForm(bucket);
  if (!id) return;
  await loadBuckets();
  go('objects', id);
  show();
}

/** Shows what the address names. */
async function show() {
  if (!who.role) return;
  turn += 1;
  const mine = turn;
  const at = here();
  if (at.view === 'objects' && !at.first && buckets.length) return void go('objects', buckets[0].id, who.user ?? '');
  places(at);
  view?.stop?.();
  view = null;
  const main = byId('main');
  try {
    const made = await viewOf(at);
    if (mine !== turn) return void made.stop?.();
    view = made;
    main.replaceChildren(made.element);
    document.title = `${made.title ?? 'studio'} - tintype studio`;
  } catch (fault) {
    main.replaceChildren(make('div', { class: 'empty' }, make('p', { role: 'alert' }, fault.message), button('Try again', show)));
  }
}

async function viewOf(at) {
  if (at.view in VIEWS) return (await VIEWS[at.view][1]()).view(at, buckets);
  const id = at.view === 'proofs' ? PROOFS : at.first;
  let bucket = buckets.find((known) => known.id === id);
  if (!bucket && id) {
    bucket = await (await import('./buckets.js')).find(id);
    if (bucket) buckets.push(bucket);
  }
  if (!bucket) return { element: make('div', { class: 'empty' }, make('p', {}, buckets.length ? 'There is no such bucket, or you may not see it.' : 'There are no buckets that you may see.')) };
  const { Objects } = await import('./objects.js');
  const objects = new Objects(bucket, at.view === 'proofs' ? '' : at.rest);
  if (who.role === 'service' && !at.rest) objects.element.querySelector('.view-head').append(bucketButtons(bucket));
  return Object.assign(objects, { title: bucket.name });
}

function bucketButtons(bucket) {
  const remove = async () => {
    const { removeBucket } = await import('./buckets.js');
    if (!await removeBucket(bucket)) return;
    await loadBuckets();
    go('objects');
    show();
  };
  return make('div', { class: 'buttons end' }, button('Settings', () => edit(bucket), { class: 'plain' }), button('Delete bucket', remove, { class: 'plain' }));
}

/** Everything that was seen and held goes. */
function restart() {
  forget();
  view?.stop?.();
  // A new page has a new memory.
  location.reload();
}

byId('sign-out').addEventListener('click', restart);
window.addEventListener('other-person', restart);
window.addEventListener('hashchange', () => { show().then(() => byId('main').focus({ preventScroll: true })); });
window.addEventListener('unhandledrejection', (event) => {
  event.preventDefault();
  complain(event.reason);
});
begin();
