// The operator's page: what /admin/health tells, live. The key is in this module's memory and nowhere else.

import { Line } from './charts.js';
import { ask, listen, Refused } from './stream.js';

const at = (id) => document.getElementById(id);
const say = (id, text) => { if (at(id).textContent !== text) at(id).textContent = text; };

const count = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

function bytes(number) {
  let unit = 0;
  for (; number >= 1000 && unit < UNITS.length - 1; unit += 1) number /= 1000;
  return `${number.toFixed(unit && number < 100 ? 1 : 0)} ${UNITS[unit]}`;
}
const percent = (share) => (share === null ? '–' : `${(share * 100).toFixed(share > 0.995 || share === 0 ? 0 : 1)} %`);
const rate = (number) => number.toFixed(number < 10 ? 1 : 0);
/** Hits take microseconds. */
const duration = (milliseconds) => {
  if (milliseconds === null) return '–';
  const [number, unit] = milliseconds < 0.95 ? [milliseconds * 1000, 'µs'] : [milliseconds, 'ms'];
  return `${number.toFixed(number < 10 ? 1 : 0)} ${unit}`;
};
const many = (number, one, more = `${one}s`) => `${count.format(number)} ${number === 1 ? one : more}`;

function age(seconds) {
  const parts = [[86_400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];
  const first = parts.findIndex(([size]) => seconds >= size);
  if (first < 0) return '0 s';
  const [size, name] = parts[first];
  const next = parts[first + 1];
  const rest = next ? Math.floor((seconds % size) / next[0]) : 0;
  return `${Math.floor(seconds / size)} ${name}${rest ? ` ${rest} ${next[1]}` : ''}`;
}

const line = (name, title, options) => new Line(document.querySelector(`svg[data-line=${name}]`), title, options);
const lines = {
  requests: line('requests', 'Requests a second', { figure: rate }),
  hits: line('hits', 'Hit ratio', { figure: percent }),
  saved: line('saved', 'Bytes saved a second', { ceiling: 1000, figure: bytes }),
  errors: line('errors', 'Errors a second', { figure: rate }),
  queue: line('queue', 'Waiting for a render thread', { ceiling: 4, figure: count.format }),
};

let key = '';
let listening = null;
let latest = null;
let previous = null;

/** A point of the history, or what came between two snapshots. */
function addPoint(point) {
  lines.requests.add(point.at, point.requests_per_second);
  lines.hits.add(point.at, point.hit_ratio);
  lines.saved.add(point.at, point.saved_per_second);
  lines.errors.add(point.at, point.errors_per_second);
  lines.queue.add(point.at, point.queue);
}

/** The last minute's ratio: from one second to the next it jumps about. */
function between(before, after) {
  const [from, to] = [before.since_start, after.since_start];
  const seconds = Math.max(to.seconds - from.seconds, 0.001);
  const spent = (name) => Math.max(to[name] - from[name], 0) / seconds;
  return {
    at: to.seconds,
    requests_per_second: spent('requests'),
    hit_ratio: after.windows['1m'].hit_ratio,
    saved_per_second: spent('saved_bytes'),
    errors_per_second: spent('source_errors') + spent('own_errors') + spent('shed'),
    queue: after.now.queue_requests + after.now.queue_background,
  };
}

function showTraffic({ now, windows, since_start: whole }) {
  const span = document.querySelector('input[name=span]:checked').value;
  const rates = windows[span] ?? whole;
  say('requests', `${rate(rates.requests_per_second)} /s`);
  say('requests-detail', `${count.format(rates.requests)} in ${age(rates.seconds)}, ${many(now.connections, 'connection')}`);
  say('hits', percent(rates.hit_ratio));
  say('saved', bytes(rates.saved_bytes));
  say('saved-detail', `${bytes(rates.sent_bytes)} sent`);
  const faults = rates.source_errors + rates.own_errors;
  say('errors', count.format(faults));
  say('errors-detail', `${rates.source_errors} by sources, ${rates.own_errors} ours; ${rates.caller_errors} wrong requests`);
  at('errors-tile').classList.toggle('bad', faults > 0);
  say('queue', count.format(now.queue_requests + now.queue_background));
  say('queue-detail', `${rates.shed} shed, ${now.warm_queue} to be warmed`);
  at('queue-tile').classList.toggle('bad', rates.shed > 0);
  say('jobs', `${now.jobs_running} running`);
  const failed = rates.provider_errors ? `, ${many(rates.provider_errors, 'provider error')}` : '';
  say('jobs-detail', `${now.jobs_queued} queued${failed}`);
  at('jobs-tile').classList.toggle('bad', rates.provider_errors > 0);
  showTimes({ hit: rates.hits, ...rates.stages });
}

function showTimes(times) {
  const names = ['hit', 'fetch', 'decode', 'resize', 'encode'];
  at('stage-rows').replaceChildren(...names.map((name) => {
    const stage = times[name];
    const row = document.createElement('tr');
    const head = document.createElement('th');
    head.scope = 'row';
    head.textContent = name;
    const cells = [duration(stage.p50_ms), duration(stage.p95_ms), duration(stage.p99_ms), count.format(stage.count)];
    row.append(head, ...cells.map((text) => Object.assign(document.createElement('td'), { textContent: text })));
    return row;
  }));
}

function showCaches({ now, capacity }) {
  const fill = (id, held, most, things) => {
    at(id).value = most ? held / most : 0;
    say(`${id}-detail`, `${bytes(held)} of ${bytes(most)}, ${things}`);
  };
  fill('memory', now.memory_bytes, capacity.memory, many(now.memory_variants, 'variant'));
  fill('store', now.store_bytes, capacity.store, many(now.store_files, 'file'));
}

function show() {
  if (!latest) return;
  say('uptime', `up ${age(latest.uptime_seconds)}${latest.draining ? ', going down' : ''}`);
  showTraffic(latest);
  showCaches(latest);
  for (const drawn of Object.values(lines)) drawn.draw();
}

function showDoctor({ at: when, is_running: isRunning, findings }) {
  const known = when ? `Looked at ${new Date(when).toLocaleTimeString('en-GB')}.` : '';
  say('examined', isRunning ? `${known} Looking now…`.trim() : known || 'Nobody looks here: run tintype doctor beside the server.');
  const order = { fault: 0, warning: 1, ok: 2 };
  const sorted = [...findings].sort((one, other) => order[one.grade] - order[other.grade]);
  at('findings').replaceChildren(...sorted.map(({ grade, text, remedy }) => {
    const item = document.createElement('li');
    item.dataset.grade = grade;
    const part = (name, words) => Object.assign(document.createElement('span'), { className: name, textContent: words });
    item.append(part('grade', grade), part('text', text));
    if (remedy) item.append(part('remedy', remedy));
    return item;
  }));
}

function tell(state, text) {
  at('state').dataset.state = state;
  say('state', text);
}

const told = {
  /** What came while nobody listened is in the history. */
  async opened() {
    const whole = await (await ask('/admin/health', key, listening.signal)).json();
    for (const drawn of Object.values(lines)) drawn.clear();
    whole.history.forEach(addPoint);
    [previous, latest] = [whole, whole];
    showDoctor(whole.doctor);
    at('sign-in').hidden = true;
    at('board').hidden = false;
    tell('live', 'Live, every second.');
    show();
  },
  event(name, data) {
    if (name === 'doctor') return showDoctor(data);
    [previous, latest] = [latest, data];
    addPoint(between(previous, latest));
    return show();
  },
  lost(reason) {
    tell('lost', `${reason}. Trying again…`);
  },
};

function leave(fault = '') {
  key = '';
  listening?.abort();
  [latest, previous] = [null, null];
  at('board').hidden = true;
  at('sign-in').hidden = false;
  at('key-fault').textContent = fault;
  at('key-fault').hidden = !fault;
  at('key').setAttribute('aria-invalid', String(Boolean(fault)));
  say('uptime', '');
  tell('out', 'Sign in to look.');
  at('key').focus();
}

async function look() {
  listening?.abort();
  listening = new AbortController();
  tell('asking', 'Asking…');
  try {
    await listen('/admin/health/live', key, listening.signal, told);
  } catch (fault) {
    leave(fault instanceof Refused ? fault.message : 'Something went wrong in this page.');
    if (!(fault instanceof Refused)) throw fault;
  }
}

at('sign-in').addEventListener('submit', (event) => {
  event.preventDefault();
  key = at('key').value.trim();
  at('key').value = '';
  look();
});
at('leave').addEventListener('click', () => leave());
at('span').addEventListener('change', show);
