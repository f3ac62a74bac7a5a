// The audit log: what was removed by itself, would have been, or was brought back, and why; and the runs that did it.

import { bytesText } from '../figures.js';
import { call } from './api.js';
import { button, make, time } from './dom.js';
import { table } from './chart.js';
import { complaining } from './notices.js';

const PAGE = 100;

const log = (before) => call('GET', `/admin/audit?${new URLSearchParams({ limit: PAGE, ...(before ? { before } : {}) })}`);

const entryRow = (entry) => [time(entry.time), entry.action, entry.actor, make('span', { class: 'mono' }, [entry.bucket, entry.name].filter(Boolean).join('/')), entry.size === null ? '' : bytesText(entry.size), entry.reason];
const runRow = (run) => [time(run.started_at), run.state, run.actor, String(run.listed), String(run.removed), bytesText(run.bytes), String(run.restored)];

export async function view() {
  const [first, runs] = await Promise.all([log(), call('GET', '/admin/cleanup/runs?limit=20')]);
  const entries = [...first.entries];
  let { next } = first;
  const place = make('div', { class: 'part-view' });
  const draw = () => {
    const more = next && button('Show older', complaining(async () => {
      const page = await log(next);
      entries.push(...page.entries);
      next = page.next;
      draw();
    }));
    place.replaceChildren(...(entries.length
      ? [table(`${entries.length} entries`, ['Time', 'What', 'By', 'Object', 'Size', 'Why'], entries.map(entryRow), [4]), more || '']
      : [make('p', { class: 'empty' }, 'Nothing was removed by itself yet.')]));
  };
  draw();
  const element = make('section', { class: 'view', 'aria-label': 'Audit log' },
    make('div', { class: 'view-head' }, make('h1', {}, 'Audit log')),
    make('p', { class: 'hint' }, 'What retention removes can be brought back for a while: tintype cleanup --restore, with the run.'),
    place, make('h2', {}, 'Runs'),
    runs.length ? table('The newest runs', ['Began', 'State', 'By', 'Listed', 'Removed', 'Bytes', 'Restored'], runs.map(runRow), [3, 4, 5, 6]) : make('p', { class: 'empty' }, 'Retention has not run yet.'));
  return { element, title: 'Audit log' };
}
