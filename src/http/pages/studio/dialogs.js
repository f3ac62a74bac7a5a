// Questions. A dialog takes the focus, keeps it, and gives it back.

import { make } from './dom.js';

let numbered = 0;

/** Opens a modal dialog. `fill(dialog, close)` answers its content; Escape closes it. Resolves with what closed it. */
export function open(title, fill, { kind = 'small' } = {}) {
  numbered += 1;
  const heading = make('h2', { id: `dialog-${numbered}` }, title);
  const dialog = make('dialog', { class: kind, 'aria-labelledby': heading.id });
  const before = document.activeElement;
  return new Promise((resolve) => {
    const close = (value) => {
      dialog.returned = value;
      dialog.close();
    };
    dialog.addEventListener('close', () => {
      dialog.remove();
      if (before?.isConnected) before.focus({ preventScroll: true });
      resolve(dialog.returned);
    });
    dialog.append(heading, ...[fill(dialog, close)].flat());
    document.body.append(dialog);
    dialog.showModal();
    dialog.querySelector('[autofocus]')?.focus();
  });
}

/**
 * A form in a dialog. `fields`: what `field` made; `submit(close)` is asked when it is sent, and says beside the fields
 * what is wrong, or closes it.
 */
export function form(title, { words, fields = [], go, danger = false, submit }) {
  return open(title, (dialog, close) => {
    const send = make('button', { type: 'submit', class: danger ? 'danger' : 'primary' }, go);
    const fault = make('p', { class: 'wrong', role: 'alert' });
    const sent = async (event) => {
      event.preventDefault();
      if (send.disabled) return;
      send.disabled = true;
      fault.textContent = '';
      try {
        await submit(close);
      } catch (error) {
        fault.textContent = error.message;
      } finally {
        send.disabled = false;
      }
      dialog.querySelector('[aria-invalid=true]')?.focus();
    };
    const cancel = make('button', { type: 'button', on: { click: () => close() } }, 'Cancel');
    return make('form', { novalidate: true, on: { submit: sent } }, words && make('p', {}, words), fields, fault, make('div', { class: 'buttons' }, send, cancel));
  });
}

/** Whether somebody is sure. */
export const sure = (title, words, go) => form(title, { words, go, danger: true, submit: (close) => close(true) });
