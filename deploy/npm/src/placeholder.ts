// What a page shows until a picture is there, asked of tintype by whoever renders the page.

import { objectUrl, type Place } from './image.js';

export interface Placeholder {
  /** Pixels of the original. */
  width: number;
  height: number;
  /** `#rrggbb`. */
  color: string;
  blurhash: string;
  /** In base64. */
  thumbhash: string;
  /** A tiny picture as a `data:` URL. */
  lqip: string;
  /** The same, by the name that `next/image` has for it. */
  blurDataURL: string;
}

export interface PlaceholderOptions extends Place {
  /** Milliseconds; default 5000. A page waits for it. */
  timeout?: number | undefined;
  signal?: AbortSignal | undefined;
  /** The object's version, if it is known. */
  version?: string | undefined;
  /** Headers such as a CDN wants. */
  headers?: Record<string, string> | undefined;
  /** Default: the global one; Next's own caches as its further options say. */
  fetch?: typeof globalThis.fetch | undefined;
}

/** Why there is no placeholder. `status`: of the answer, if there was one. */
export class PlaceholderError extends Error {
  override readonly name = 'PlaceholderError';
  constructor(message: string, readonly status?: number, options?: { cause?: unknown }) {
    super(message, options);
  }
}

/** Characters of an answer; a tiny picture has a few hundred. */
const MOST = 65_536;

/** The placeholder of a public object: `bucket/key`, or its public URL. */
export async function placeholder(src: string, options: PlaceholderOptions = {}): Promise<Placeholder> {
  const { timeout = 5000, signal, version, headers, fetch = globalThis.fetch, ...place } = options;
  const url = objectUrl(src, place, { f: 'json', v: version });
  const ending = new AbortController();
  const end = () => ending.abort(signal?.reason);
  const timer = setTimeout(() => ending.abort(new Error(`no placeholder within ${timeout} ms`)), timeout);
  signal?.addEventListener('abort', end);
  if (signal?.aborted) end();
  try {
    const answer = await fetch(url, { headers: { accept: 'application/json', ...headers }, signal: ending.signal });
    const text = await bounded(answer);
    if (!answer.ok) throw new PlaceholderError(`${answer.status}: ${reasonOf(text)}`, answer.status);
    return read(text, answer.status);
  } catch (fault) {
    if (fault instanceof PlaceholderError) throw fault;
    const reason: unknown = ending.signal.aborted ? ending.signal.reason : fault;
    throw new PlaceholderError(reason instanceof Error ? reason.message : String(reason), undefined, { cause: fault });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', end);
  }
}

async function bounded(answer: Response): Promise<string> {
  const reader = answer.body?.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (let part = await reader?.read(); reader && part && !part.done; part = await reader.read()) {
    text += decoder.decode(part.value, { stream: true });
    if (text.length > MOST) {
      reader.cancel().catch(() => {});
      throw new PlaceholderError('the answer is too long for a placeholder', answer.status);
    }
  }
  return text;
}

/** What a problem (RFC 9457) says. */
function reasonOf(text: string): string {
  try {
    const { detail, title } = JSON.parse(text) as Record<string, unknown>;
    return String(detail ?? title ?? 'refused').slice(0, 200);
  } catch {
    return 'refused';
  }
}

/** Only what has the form of a placeholder goes into pages. */
function read(text: string, status: number): Placeholder {
  let said: Record<string, unknown>;
  try {
    said = Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {
    throw new PlaceholderError('the answer is no JSON: does this server know f=json?', status);
  }
  const wrong = (name: string) => new PlaceholderError(`the answer has no sound ${name}`, status);
  const side = (name: string) => {
    const value = said[name];
    if (!Number.isInteger(value) || (value as number) < 1) throw wrong(name);
    return value as number;
  };
  const word = (name: string, pattern: RegExp) => {
    const value = said[name];
    if (typeof value !== 'string' || !pattern.test(value)) throw wrong(name);
    return value;
  };
  const lqip = word('lqip', /^data:image\/[a-z]+;base64,[A-Za-z\d+/]+={0,2}$/);
  return {
    width: side('width'),
    height: side('height'),
    color: word('color', /^#[\da-f]{6}$/i),
    blurhash: word('blurhash', /^[\dA-Za-z#$%*+,\-.:;=?@[\]^_{|}~]{6,}$/),
    thumbhash: word('thumbhash', /^[A-Za-z\d+/]+={0,2}$/),
    lqip,
    blurDataURL: lqip,
  };
}
