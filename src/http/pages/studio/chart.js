// A chart of stacked columns by day, drawn as SVG: the eye's copy of a table that is always there too.

import { draw, make } from './dom.js';

const [HEIGHT, LEFT, BOTTOM] = [200, 46, 22];
/** Drawn narrower on a phone, so that its letters can still be read. */
const width = () => (matchMedia('(width < 48rem)').matches ? 380 : 760);
/** Kinds that have a colour of their own; the others are one. */
export const BANDS = 6;

/** A round number not below `most`. */
function roof(most) {
  if (most <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= most);
}

/** `days`: names in order; `series`: [{name, values}] as many as `BANDS` at most; `text(value)`. */
export function columns(title, days, series, text) {
  const sums = days.map((_, day) => series.reduce((sum, { values }) => sum + values[day], 0));
  const top = roof(Math.max(...sums));
  const whole = width();
  const step = (whole - LEFT) / days.length;
  const shown = Math.max(3, Math.floor(whole / 95));
  const y = (value) => (HEIGHT - BOTTOM) * (1 - value / top);
  const svg = draw('svg', { viewBox: `0 0 ${whole} ${HEIGHT}`, role: 'img', 'aria-label': `${title}. The table below says the same.` });
  for (const line of [0, top / 2, top]) {
    svg.append(draw('line', { class: 'axis', x1: LEFT, x2: whole, y1: y(line), y2: y(line) }));
    svg.append(draw('text', { x: LEFT - 6, y: Math.max(9, y(line) + 4), 'text-anchor': 'end' }, text(line)));
  }
  days.forEach((day, at) => {
    let under = 0;
    series.forEach(({ name, values }, band) => {
      if (!values[at]) return;
      const bar = draw('rect', { class: `band-${band}`, x: LEFT + at * step + step * 0.15, width: step * 0.7, y: y(under + values[at]), height: Math.max(1, y(under) - y(under + values[at])) });
      bar.append(draw('title', {}, `${day}, ${name}: ${text(values[at])}`));
      svg.append(bar);
      under += values[at];
    });
    if (at % Math.ceil(days.length / shown) === 0) svg.append(draw('text', { x: LEFT + (at + 0.5) * step, y: HEIGHT - 5, 'text-anchor': 'middle' }, day.slice(5)));
  });
  const legend = series.map(({ name }, band) => make('span', { class: 'legend' }, draw('svg', { viewBox: '0 0 10 10', 'aria-hidden': 'true' }, draw('rect', { class: `band-${band}`, width: 10, height: 10 })), name));
  return make('figure', { class: 'chart' }, svg, make('figcaption', {}, legend));
}

/** A table that scrolls by itself where it is too wide. `rows`: lists of cells; numbers stand at the end. */
export function table(caption, head, rows, numeric = []) {
  const cell = (value, at) => make(at === 0 ? 'th' : 'td', { ...(at === 0 ? { scope: 'row' } : {}), class: numeric.includes(at) ? 'number' : undefined }, value);
  return make('div', { class: 'table', tabIndex: 0, role: 'region', 'aria-label': caption },
    make('table', {}, make('caption', {}, caption),
      make('thead', {}, make('tr', {}, head.map((words, at) => make('th', { scope: 'col', class: numeric.includes(at) ? 'number' : undefined }, words)))),
      make('tbody', {}, rows.map((row) => make('tr', {}, row.map(cell))))));
}
