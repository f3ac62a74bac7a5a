// How an object looks in a list and in a grid.

import { bytesText, kindText } from '../figures.js';
import { make, timeWords } from './dom.js';
import { thumbnail } from './thumbnails.js';

export const LAYOUTS = {
  list: { least: 0, height: () => 52 },
  grid: { least: 168, height: (width) => width - 16 + 64 },
};

const typeWords = (row) => (row.folder ? 'Folder' : /^image\//.test(row.type) ? kindText(row.type) : row.type.split(/[/;]/)[1] || 'unknown type');

/** An option of the listbox; `view`: {bucket, isPublic, selection, count, look}. */
export function cell(row, index, view) {
  const chosen = view.selection.has(row);
  const option = make('div', {
    role: 'option',
    id: `row-${index}`,
    class: `cell as-${view.look}${row.folder ? ' folder' : ''}${index === view.selection.at ? ' at' : ''}`,
    'aria-selected': row.folder ? undefined : String(chosen),
    'aria-posinset': index + 1,
    'aria-setsize': view.count(),
    'data-index': index,
  });
  const tick = row.folder ? null : make('span', { class: 'tick-box', 'data-tick': true });
  const name = make('span', { class: 'name', title: row.name }, row.folder && make('span', { class: 'unseen' }, 'Folder '), row.name);
  const figures = row.folder ? [] : [
    // The spaces are for ears: the words are read as one name.
    make('span', { class: 'of-type' }, typeWords(row)), ' ',
    make('span', { class: 'of-size' }, bytesText(row.size)), ' ',
    make('span', { class: 'of-time' }, timeWords(row.updated)),
  ];
  option.append(thumbnail(view.bucket, row, view.isPublic, view.look === 'list' ? 96 : 256), name, ' ', make('span', { class: 'figures' }, figures));
  if (tick) option.append(tick);
  return option;
}
