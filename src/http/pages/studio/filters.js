// What is looked for: words, kinds, sizes, days. Said in a form above the objects.

import { choices, judge, make } from './dom.js';

const KINDS = [['', 'Any type'], ['image/', 'Pictures'], ['image/jpeg', 'JPEG'], ['image/png', 'PNG'], ['image/webp', 'WebP'], ['image/avif', 'AVIF'], ['image/gif', 'GIF'], ['other', 'Not pictures']];
const SIZES = [['', 'Any size'], ['0-100000', 'Under 100 kB'], ['100000-1000000', '100 kB to 1 MB'], ['1000000-10000000', '1 to 10 MB'], ['10000000-', 'Over 10 MB']];
const SORTS = [['name asc', 'Name'], ['name desc', 'Name, from the end'], ['updated_at desc', 'Newest change'], ['updated_at asc', 'Oldest change'], ['created_at desc', 'Newest'], ['created_at asc', 'Oldest'], ['size desc', 'Largest'], ['size asc', 'Smallest']];

/** The form. `changed(state)`: `{fits, deep, sort, order}`; `fits` is null where everything fits. */
export function filterForm(state, changed) {
  const search = make('input', { type: 'search', id: 'search', placeholder: 'Search below this folder', value: state.words, autocomplete: 'off', spellcheck: 'false' });
  const kind = make('select', { id: 'kind' }, choices(KINDS, state.kind));
  const size = make('select', { id: 'size' }, choices(SIZES, state.size));
  const since = make('input', { type: 'date', id: 'since', value: state.since, 'aria-describedby': 'since-wrong' });
  const until = make('input', { type: 'date', id: 'until', value: state.until });
  const sort = make('select', { id: 'sort' }, choices(SORTS, `${state.sort} ${state.order}`));
  const wrong = make('p', { id: 'since-wrong', class: 'wrong', role: 'alert' });
  let timer = 0;
  const read = () => {
    clearTimeout(timer);
    const backwards = since.value && until.value && since.value > until.value;
    if (!judge(since, backwards ? 'The first day is after the last one.' : null)) return;
    const [column, order] = sort.value.split(' ');
    Object.assign(state, { words: search.value.trim(), kind: kind.value, size: size.value, since: since.value, until: until.value, sort: column, order });
    changed();
  };
  search.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(read, 250); });
  for (const input of [kind, size, since, until, sort]) input.addEventListener('change', read);
  const named = (words, input, kind = 'tight') => make('div', { class: kind }, make('label', { for: input.id }, words), input);
  return make('form', { class: 'filters', role: 'search', on: { submit: (event) => { event.preventDefault(); read(); } } },
    named('Search', search, 'tight grow'),
    named('Sort', sort),
    make('details', { class: 'more-filters', open: Boolean(state.kind || state.size || state.since || state.until) },
      make('summary', {}, 'Filters'),
      make('div', { class: 'filter-row' }, named('Type', kind), named('Size', size), named('Changed from', since), named('Changed until', until), wrong)));
}

export const nothingLookedFor = () => ({ words: '', kind: '', size: '', since: '', until: '', sort: 'name', order: 'asc' });

/** A test of rows, or null where nothing is looked for. */
export function testOf({ words, kind, size, since, until }) {
  if (!words && !kind && !size && !since && !until) return null;
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const [least, most] = size.split('-').map((text) => (text ? Number(text) : null));
  const from = since ? new Date(`${since}T00:00:00`).toISOString() : '';
  const to = until ? new Date(new Date(`${until}T00:00:00`).getTime() + 86_400_000).toISOString() : '';
  const isKind = (type) => (kind === 'other' ? !type.startsWith('image/') : type.startsWith(kind));
  return (row) => {
    if (row.folder) return !kind && !size && !since && !until && wanted.every((word) => row.name.toLowerCase().includes(word));
    if (size && (row.size < least || (most !== null && most !== undefined && row.size >= most))) return false;
    if (!isKind(row.type)) return false;
    if ((from && row.updated < from) || (to && row.updated >= to)) return false;
    const name = row.name.toLowerCase();
    return wanted.every((word) => name.includes(word));
  };
}
