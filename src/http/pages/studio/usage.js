// How much is stored, how much was painted, by whom, on which day, for how much.

import { bytesText } from '../figures.js';
import { call } from './api.js';
import { choices, make } from './dom.js';
import { BANDS, columns, table } from './chart.js';
import { who } from './session.js';
import { usage } from './storage.js';

const dollars = (value) => (value >= 100 ? `$${value.toFixed(0)}` : `$${value.toFixed(2)}`);
const plain = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });

/** Every day from the first to today, by UTC. */
function daysSince(first) {
  const days = [];
  for (let at = Date.parse(`${first}T00:00:00Z`); at <= Date.now(); at += 86_400_000) days.push(new Date(at).toISOString().slice(0, 10));
  return days;
}

/** A series for each of those who have most, and one for all others. */
function seriesOf(rows, days, value) {
  const totals = new Map();
  for (const row of rows) totals.set(row.user_id, (totals.get(row.user_id) ?? 0) + value(row));
  const first = [...totals].sort(([, one], [, other]) => other - one).slice(0, totals.size > BANDS ? BANDS - 1 : BANDS).map(([user]) => user);
  const names = totals.size > BANDS ? [...first, null] : first;
  return names.map((name) => {
    const values = days.map(() => 0);
    for (const row of rows) if (row.user_id === name || (name === null && !first.includes(row.user_id))) values[days.indexOf(row.day)] += value(row);
    return { name: name ?? 'Others', values };
  });
}

export async function view() {
  const painted = make('div', { class: 'part-view' });
  const stored = make('div', { class: 'part-view' });
  const days = make('select', { id: 'usage-days' }, choices([[7, '7 days'], [30, '30 days'], [90, '90 days'], [366, 'A year']], 30));
  const show = async () => {
    try {
      drawPainted(painted, await call('GET', `/api/avatars/usage?days=${days.value}`));
    } catch (fault) {
      painted.replaceChildren(make('p', { class: 'notice' }, `What was painted is not told: ${fault.message}`));
    }
  };
  days.addEventListener('change', show);
  await Promise.all([show(), who.operates ? usage().then((all) => drawStored(stored, all), (fault) => stored.replaceChildren(make('p', { class: 'notice' }, fault.message))) : null]);
  if (!who.operates) stored.append(make('p', { class: 'hint' }, 'What is stored in all is told to service keys alone.'));
  const element = make('section', { class: 'view', 'aria-label': 'Usage' },
    make('div', { class: 'view-head' }, make('h1', {}, 'Usage'), make('label', { class: 'tight buttons end' }, make('span', { class: 'unseen' }, 'Time'), days)),
    make('h2', {}, who.role === 'service' ? 'Painted' : 'Painted for you'), painted, make('h2', {}, 'Stored'), stored);
  return { element, title: 'Usage' };
}

const sumOf = (rows, value) => rows.reduce((sum, row) => sum + value(row), 0);
const sums = (pairs) => make('div', { class: 'sums' }, pairs.map(([value, words]) => make('p', {}, make('strong', {}, value), make('span', { class: 'quiet' }, words))));

function drawPainted(place, { since, rows }) {
  const days = daysSince(since);
  const all = sums([[dollars(sumOf(rows, (row) => row.cost_usd)), 'cost'], [plain.format(sumOf(rows, (row) => row.pictures)), 'pictures'], [plain.format(sumOf(rows, (row) => row.failed)), 'failed or cancelled']]);
  const made = rows.toReversed().map((row) => [row.day, make('span', { class: 'mono' }, row.user_id), String(row.jobs), String(row.pictures), String(row.failed), dollars(row.cost_usd)]);
  place.replaceChildren(all,
    make('h3', {}, 'Pictures by day and user'), columns('Pictures by day and user', days, seriesOf(rows, days, (row) => row.pictures), (value) => plain.format(value)),
    make('h3', {}, 'Cost by day and user'), columns('Cost by day and user', days, seriesOf(rows, days, (row) => row.cost_usd), dollars),
    make('details', {}, make('summary', {}, 'As a table'), table('By day and user', ['Day', 'User', 'Jobs', 'Pictures', 'Failed', 'Cost'], made, [2, 3, 4, 5])));
}

function drawStored(place, { buckets, total }) {
  const rows = buckets.map((bucket) => [bucket.bucket, bucket.objects === null ? 'elsewhere' : plain.format(bucket.objects), bucket.bytes === null ? '' : bytesText(bucket.bytes), bytesText(bucket.stored.bytes), bytesText(bucket.memory.bytes)]);
  const owners = buckets.flatMap((bucket) => bucket.owners.filter(({ owner }) => owner).map(({ owner, objects, bytes }) => [make('span', { class: 'mono' }, owner), bucket.bucket, plain.format(objects), bytesText(bytes)]));
  place.replaceChildren(
    sums([[bytesText(total.bytes), `in ${plain.format(total.objects)} objects`], [bytesText(total.stored.bytes), 'of variants on disk'], [bytesText(total.memory.bytes), 'of variants in memory']]),
    table('By bucket', ['Bucket', 'Objects', 'Originals', 'Variants stored', 'In memory'], rows, [1, 2, 3, 4]),
    owners.length ? make('details', {}, make('summary', {}, 'By user'), table('By user', ['User', 'Bucket', 'Objects', 'Bytes'], owners, [2, 3])) : '');
}
