// The audit log: what was removed, would have been, or was brought back, by whom and why; and the runs of retention.

import { bytesText } from '../figures.js';
import { call } from './api.js';
import { button, make, time } from './dom.js';
import { table } from './chart.js';
import { bringBack, isBack } from './changes.js';
import { complaining, notice } from './notices.js';
import { isOwn } from './storage.js';

const PAGE = 100;

const log = (before) => call('GET', `/admin/audit?${new URLSearchParams({ limit: PAGE, ...(before ? { before } : {}) })}`);

const entryRow = (entry) => [time(entry.time), entry.action, entry.actor, make('span', { class: 'mono' }, [entry.bucket, entry.name].filter(Boolean).join('/')), entry.size === null ? '' : bytesText(entry.size), entry.reason];
/** Until when what a line tells of can come back, if it still can. */
const canComeBack = (entry) => isOwn() && entry.restorable_until && new Date(entry.restorable_until) > new Date();

async function restore({ bucket, name, version }) {
  const back = await bringBack(bucket, [name], version);
  if (!back.length) return;
  isBack(bucket, name);
  notice(`${name} is back.`);
}

const runRow = (run) => [time(run.started_at), run.state, run.actor, String(run.listed), String(run.removed), bytesText(run.bytes), String(run.restored)];

export async function view() {
  const [first, runs] = await Promise.all([log(), call('GET', '/admin/cleanup/runs?limit=20')]);
  const entries = [...first.entries];
  let { next } = first;
  const place = make('div', { class: 'part-view' });
  const acts = (entry) => (canComeBack(entry) ? button('Restore', complaining(async () => {
    await restore(entry);
    const page = await log();
    entries.splice(0, entries.length, ...page.entries);
    next = page.next;
    draw();
  }), { 'aria-label': `Restore ${entry.name}` }) : '');
  const draw = () => {
    const more = next && button('Show older', complaining(async () => {
      const page = await log(next);
      entries.push(...page.entries);
      next = page.next;
      draw();
    }));
    place.replaceChildren(...(entries.length
      ? [table(`${entries.length} entries`, ['Time', 'What', 'By', 'Object', 'Size', 'Why', 'Back'], entries.map((entry) => [...entryRow(entry), acts(entry)]), [4]), more || '']
      : [make('p', { class: 'empty' }, 'Nothing was removed yet.')]));
  };
  draw();
  const element = make('section', { class: 'view', 'aria-label': 'Audit log' },
    make('div', { class: 'view-head' }, make('h1', {}, 'Audit log')),
    make('p', { class: 'hint' }, `What was removed can be brought back for a while: ${isOwn() ? 'here one by one, or all of a run ' : ''}by tintype cleanup --restore.`),
    place, make('h2', {}, 'Runs'),
    runs.length ? table('The newest runs', ['Began', 'State', 'By', 'Listed', 'Removed', 'Bytes', 'Restored'], runs.map(runRow), [3, 4, 5, 6]) : make('p', { class: 'empty' }, 'Retention has not run yet.'));
  return { element, title: 'Audit log' };
}
