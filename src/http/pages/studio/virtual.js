// A list of which only what is to be seen is in the page: as smooth with a hundred thousand rows as with ten.

/** Rows drawn beyond each edge. */
const MARGIN = 4;

/**
 * `port`: what scrolls, a listbox. `draw(row, index)` answers an option. `layout`: {least, height(width)}; `least`: narrowest
 * cell of a grid in pixels, 0 for one column. `near`: called as the end comes near.
 */
export class Virtual {
  constructor(port, { draw, layout, near }) {
    Object.assign(this, { port, draw, layout, near });
    this.rows = [];
    this.drawn = new Map();
    this.sheet = document.createElement('div');
    this.sheet.className = 'sheet';
    this.sheet.setAttribute('role', 'presentation');
    port.append(this.sheet);
    this.waiting = 0;
    this.soon = () => { this.waiting ||= requestAnimationFrame(() => { this.waiting = 0; this.paint(); }); };
    port.addEventListener('scroll', this.soon, { passive: true });
    this.watch = new ResizeObserver(() => { this.clear(); this.soon(); });
    this.watch.observe(port);
  }

  stop() {
    this.watch.disconnect();
    cancelAnimationFrame(this.waiting);
  }

  /** Shows these rows. What is drawn and still in its place stays. */
  show(rows) {
    this.rows = rows;
    for (const [index, element] of this.drawn) {
      if (element.row === rows[index]) element.setAttribute('aria-setsize', rows.length);
      else this.erase(index, element);
    }
    this.soon();
  }

  erase(index, element) {
    element.remove();
    this.drawn.delete(index);
  }

  setLayout(layout) {
    this.layout = layout;
    this.clear();
    this.soon();
  }

  /** Draws everything anew that is to be seen. */
  clear() {
    this.drawn.forEach((element) => element.remove());
    this.drawn.clear();
  }

  /** Draws one row anew, if it is to be seen. */
  refresh(index) {
    const old = this.drawn.get(index);
    if (!old) return;
    const fresh = this.place(index);
    old.replaceWith(fresh);
  }

  measure() {
    const width = this.sheet.clientWidth;
    this.columns = this.layout.least ? Math.max(1, Math.floor(width / this.layout.least)) : 1;
    this.cell = { width: width / this.columns, height: this.layout.height(width / this.columns) };
  }

  place(index) {
    const element = this.draw(this.rows[index], index);
    element.row = this.rows[index];
    const { width, height } = this.cell;
    const style = element.style;
    style.width = `${width}px`;
    style.height = `${height}px`;
    style.transform = `translate(${(index % this.columns) * width}px, ${Math.floor(index / this.columns) * height}px)`;
    this.drawn.set(index, element);
    return element;
  }

  paint() {
    if (!this.port.isConnected || this.port.hidden) return;
    this.measure();
    const { height } = this.cell;
    const lines = Math.ceil(this.rows.length / this.columns);
    this.sheet.style.height = `${lines * height}px`;
    const first = Math.max(0, Math.floor(this.port.scrollTop / height) - MARGIN) * this.columns;
    const last = Math.min(this.rows.length, (Math.ceil((this.port.scrollTop + this.port.clientHeight) / height) + MARGIN) * this.columns);
    for (const [index, element] of this.drawn) {
      if (index >= first && index < last) continue;
      this.erase(index, element);
    }
    const fresh = document.createDocumentFragment();
    for (let index = first; index < last; index += 1) if (!this.drawn.has(index)) fresh.append(this.place(index));
    this.sheet.append(fresh);
    if (last > this.rows.length - this.columns * 40) this.near();
  }

  /** Scrolls so that this row is to be seen, and draws it. */
  reveal(index) {
    this.measure();
    const top = Math.floor(index / this.columns) * this.cell.height;
    const { scrollTop, clientHeight } = this.port;
    if (top < scrollTop) this.port.scrollTop = top;
    else if (top + this.cell.height > scrollTop + clientHeight) this.port.scrollTop = top + this.cell.height - clientHeight;
    this.paint();
    return this.drawn.get(index);
  }

  /** Rows of one view, for the page keys. */
  get page() {
    this.measure();
    return Math.max(1, Math.floor(this.port.clientHeight / this.cell.height)) * this.columns;
  }
}
