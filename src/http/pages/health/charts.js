// Lines of the last five minutes, as SVG of our own.

const SPAN = 300;
const WIDTH = 100;
const HEIGHT = 30;
const SVG = 'http://www.w3.org/2000/svg';

function shape(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

/** Points of one line: {at, value}; `at` in seconds of the server's age, `value` may be null where there is none. */
export class Line {
  #svg;
  #title;
  #ceiling;
  #figure;
  #points = [];

  /** `ceiling`: the least height of the scale; `figure`: a value in words. */
  constructor(svg, title, { ceiling = 1, figure = String } = {}) {
    [this.#svg, this.#title, this.#ceiling, this.#figure] = [svg, title, ceiling, figure];
    svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
    svg.setAttribute('preserveAspectRatio', 'none');
  }

  clear() {
    this.#points = [];
  }

  add(at, value) {
    if (this.#points.length && at <= this.#points.at(-1).at) return;
    this.#points.push({ at, value });
    while (this.#points[0].at < at - SPAN) this.#points.shift();
  }

  draw() {
    const known = this.#points.filter(({ value }) => value !== null && Number.isFinite(value));
    const top = Math.max(this.#ceiling, ...known.map(({ value }) => value));
    const end = this.#points.at(-1)?.at ?? 0;
    const x = (at) => (WIDTH * (1 - (end - at) / SPAN)).toFixed(2);
    const y = (value) => (HEIGHT * (1 - value / top)).toFixed(2);
    const parts = [shape('line', { class: 'ground', x1: 0, y1: HEIGHT, x2: WIDTH, y2: HEIGHT })];
    if (known.length > 1) {
      const line = known.map(({ at, value }) => `${x(at)},${y(value)}`).join(' ');
      parts.push(shape('polygon', { points: `${x(known[0].at)},${HEIGHT} ${line} ${x(known.at(-1).at)},${HEIGHT}` }));
      parts.push(shape('polyline', { points: line }));
    }
    this.#svg.replaceChildren(...parts);
    const values = known.map(({ value }) => value);
    const range = values.length
      ? `between ${this.#figure(Math.min(...values))} and ${this.#figure(Math.max(...values))}`
      : 'nothing yet';
    this.#svg.setAttribute('aria-label', `${this.#title} in the last five minutes: ${range}`);
  }
}
