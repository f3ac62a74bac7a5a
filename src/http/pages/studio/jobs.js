// Jobs live: what is painted, how far it is, what it cost.

import { button, drawUnpressed, make, time } from './dom.js';
import { cancel, paintAgain, retry } from './painting.js';
import { complain } from './notices.js';
import { who } from './session.js';
import { thumbnail } from './thumbnails.js';
import { Jobs, isOver, stateOf, watch } from './watch.js';

const WORDS = { generating: 'Being painted', downloading: 'Being fetched', uploading: 'Being stored', completed: 'Completed', error: 'Failed', cancelled: 'Cancelled' };

/** A job in a list. `acts`: what follows a change. */
export function jobRow(job, take) {
  const state = stateOf(job);
  const picture = job.storage_path && { key: job.storage_path, name: job.storage_path, type: 'image/png', updated: job.finished_at ?? '' };
  const acting = (act) => async () => { const row = await act(job); if (row) take(row); };
  const buttons = isOver(job)
    ? [state !== 'completed' && button('Try again', acting(retry)), job.prompt && button('Paint again', async () => { const row = await paintAgain({ user: job.user_id, kinkster: job.kinkster_id, prompt: job.prompt }); if (row) take(row); })]
    : [button('Cancel', acting(cancel))];
  const { model, size, quality } = job.generation_config ?? {};
  const figures = [model, size, quality, job.cost_usd ? `$${job.cost_usd.toFixed(3)}` : null, job.attempts > 1 ? `${job.attempts} attempts` : null].filter(Boolean).join(', ');
  return make('li', { class: 'job', 'data-state': state, 'data-id': job.job_id },
    picture ? thumbnail('kinkster-avatars', picture, true, 128) : make('span', { class: 'thumb' }),
    make('div', {},
      make('p', {}, make('span', { class: 'job-state' }, WORDS[state] ?? state), ' ', make('span', { class: 'quiet' }, time(job.created_at ?? job.timestamp), who.role === 'service' && job.user_id ? ` for ${job.user_id}` : '')),
      isOver(job) ? null : make('progress', { max: 1, value: job.progress ?? 0, 'aria-label': 'How far it is' }),
      make('p', { class: 'line', title: job.prompt }, state === 'completed' ? job.prompt ?? '' : job.error ?? job.message),
      figures ? make('p', { class: 'hint' }, figures) : null),
    make('div', { class: 'buttons' }, buttons.filter(Boolean)));
}

export function view() {
  const list = make('ol', { class: 'job-list' });
  const empty = make('p', { class: 'empty' }, 'Nothing was painted yet.');
  const status = make('p', { class: 'status-line', role: 'status' });
  let waiting = 0;
  const draw = () => {
    waiting = 0;
    const rows = jobs.list;
    const focused = document.activeElement?.closest?.('.job')?.dataset.id;
    list.replaceChildren(...rows.map((job) => jobRow(job, (row) => jobs.take(row))));
    if (focused && document.activeElement === document.body) list.querySelector(`[data-id="${CSS.escape(focused)}"] button`)?.focus({ preventScroll: true });
    empty.hidden = rows.length > 0;
    const running = rows.filter((job) => !isOver(job)).length;
    status.textContent = running ? `${running} under way` : '';
  };
  const jobs = new Jobs(() => { waiting ||= requestAnimationFrame(() => drawUnpressed(list, draw)); });
  const watching = watch(jobs);
  watching.first.then(draw, (fault) => { empty.textContent = fault.message; if (!fault.isForbidden) complain(fault); });
  const element = make('section', { class: 'view', 'aria-label': 'Jobs' }, make('div', { class: 'view-head' }, make('h1', {}, 'Jobs')), status, list, empty);
  return { element, title: 'Jobs', stop: () => { watching.stop(); cancelAnimationFrame(waiting); } };
}
