// What can be done with jobs: have somebody painted again with another prompt, cancel, retry.

import { call } from './api.js';
import { choices, field, judge, make } from './dom.js';
import { form } from './dialogs.js';
import { complaining, notice } from './notices.js';

/** Most characters of a prompt. */
const LONGEST = 4000;

/** Asked for only where it can do no harm twice: a key of its own. */
const nonce = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');

export const cancel = complaining((job) => call('POST', `/api/avatars/jobs/${job.job_id}/cancel`, { again: true }), 'It could not be cancelled');
export const retry = complaining((job) => call('POST', `/api/avatars/jobs/${job.job_id}/retry`), 'It could not be tried again');

/** A dialog with the saved prompt. Answers the new job. */
export function paintAgain({ user, kinkster, prompt = '' }) {
  const text = make('textarea', { rows: 9, autofocus: true });
  text.value = prompt;
  const size = make('select', {}, choices([['1024x1024', 'Square'], ['1792x1024', 'Wide'], ['1024x1792', 'Tall']], '1024x1024'));
  const quality = make('select', {}, choices([['standard', 'Standard'], ['hd', 'High']], 'standard'));
  const count = make('span', { class: 'hint' });
  const counts = () => { count.textContent = `${text.value.length} of ${LONGEST} characters`; };
  text.addEventListener('input', counts);
  counts();
  const key = nonce();
  return form(prompt ? 'Paint it again' : 'Paint something new', {
    words: 'The new picture becomes the newest; older ones stay in the history. It may cost money.',
    fields: [field('Prompt', text), count, field('Shape', size), field('Quality', quality)],
    go: 'Paint',
    submit: async (close) => {
      const words = text.value.trim();
      if (!judge(text, !words ? 'Say what is to be painted.' : words.length > LONGEST ? `At most ${LONGEST} characters.` : null)) return;
      const body = { user_id: user, kinkster_id: kinkster ?? undefined, prompt: words, size: size.value, quality: quality.value };
      try {
        const job = await call('POST', '/api/avatars/jobs', { body, headers: { 'idempotency-key': key }, again: true });
        notice('It is being painted.');
        close(job);
      } catch (fault) {
        if (fault.field === 'prompt') judge(text, fault.message);
        else throw fault;
      }
    },
  });
}
