// Which rows are chosen, and which one the keyboard is at.

export class Selection {
  constructor(changed) {
    this.chosen = new Map();
    this.at = -1;
    this.anchor = -1;
    this.changed = changed;
  }

  has(row) { return this.chosen.has(row.key); }

  get rows() { return [...this.chosen.values()]; }

  toggle(row, index) {
    if (row.folder) return;
    if (!this.chosen.delete(row.key)) this.chosen.set(row.key, row);
    this.anchor = index;
    this.changed();
  }

  /** Everything between the anchor and `index`. */
  extend(rows, index) {
    const [from, to] = [Math.min(Math.max(this.anchor, 0), index), Math.max(this.anchor, index)];
    for (const row of rows.slice(from, to + 1)) if (!row.folder) this.chosen.set(row.key, row);
    this.changed();
  }

  all(rows) {
    for (const row of rows) if (!row.folder) this.chosen.set(row.key, row);
    this.changed();
  }

  clear() {
    if (!this.chosen.size) return;
    this.chosen.clear();
    this.changed();
  }
}

/** Where a key of the keyboard leads from `index`; null if it leads nowhere. */
export function step(key, index, { columns, page, count }) {
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, PageDown: page, PageUp: -page };
  if (!count) return null;
  if (key === 'Home') return 0;
  if (key === 'End') return count - 1;
  if (!(key in steps)) return null;
  if (index < 0) return 0;
  const next = index + steps[key];
  // The last line may be short.
  if (next >= count) return key === 'ArrowDown' && Math.floor(index / columns) === Math.floor((count - 1) / columns) ? index : count - 1;
  return next < 0 ? (key === 'PageUp' ? 0 : index) : next;
}
