// What both pages of the demo say in figures, and the small words for making a page.

export const byId = (id) => document.getElementById(id);

/* Figures as text. kB and MB are decimal: 1 kB = 1000 bytes. */

const significant = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

export function bytesText(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 999_500 ? `${significant.format(bytes / 1e3)} kB` : `${significant.format(bytes / 1e6)} MB`;
}

export function timeText(milliseconds) {
  return `${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`;
}

const KINDS = { jpeg: 'JPEG', png: 'PNG', webp: 'WebP', avif: 'AVIF', gif: 'GIF' };

export function kindText(contentType) {
  const kind = (contentType ?? '').split(';')[0].trim().replace('image/', '');
  return KINDS[kind] ?? (kind || 'unknown type');
}

/** RFC 9211 Cache-Status in one word: hit, stale, shared (another request's fill), miss; null where it is not told. */
export function cacheState(headers) {
  const status = headers.get('cache-status') ?? headers.get('x-nextjs-cache')?.toLowerCase();
  if (!status) return null;
  if (/\bstale\b|\bhit\b.*ttl=-/.test(status)) return 'stale';
  if (/\bhit\b/.test(status)) return 'hit';
  return /\bcollapsed\b/.test(status) ? 'shared' : 'miss';
}

export function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}
