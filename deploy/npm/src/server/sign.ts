// Signed image URLs: the last two parameters are `exp={unix seconds}&sig={key id}.{base64url}`, the signature being
// HMAC-SHA256 over path and query before `&sig=`. For buckets with `transforms = "signed"`.

import { hmacKey, toBase64, utf8 } from './bytes.js';

/** One of the server's `signing.keys`. */
export interface SigningKey {
  id: string;
  /** At least 32 bytes. Stays on the server. */
  secret: string;
}

export interface SignOptions {
  key: SigningKey;
  /** Seconds for which the URL is good at least; default 3600. */
  expiresIn?: number | undefined;
  /** The end in Unix seconds, in place of `expiresIn`. */
  expires?: number | undefined;
  /** Milliseconds since 1970; default: now. */
  now?: number | undefined;
}

export class SigningError extends Error {
  override readonly name = 'SigningError';
}

/** Longest time in seconds for which the same URL is given out again. */
const LONGEST_WINDOW = 600;

/**
 * The end of a URL that is given out now. For a tenth of its life (10 minutes at most) it is the same for everybody who
 * asks, so that caches know the URL; the price is that it may be good for so much longer.
 */
function stableEnd(now: number, expiresIn: number): number {
  const window = Math.min(Math.max(Math.floor(expiresIn / 10), 1), LONGEST_WINDOW);
  return now - (now % window) + expiresIn + window - 1;
}

/** Signs an image URL, absolute or from `/` on, exactly as tintype will be asked for it. */
export async function signUrl(url: string, { key, expiresIn = 3600, expires, now = Date.now() }: SignOptions): Promise<string> {
  if (!/^[A-Za-z\d_-]{1,32}$/.test(key.id)) throw new SigningError('a key id is 1 to 32 of the characters A-Z a-z 0-9 _ -');
  const secret = utf8(key.secret);
  if (secret.length < 32) throw new SigningError('a secret has at least 32 bytes');
  const end = expires ?? stableEnd(Math.floor(now / 1000), expiresIn);
  if (!Number.isSafeInteger(end) || end < 1 || expiresIn < 1) throw new SigningError('the end is no whole number of seconds');
  const { origin, pathAndQuery } = parts(url);
  if (/[?&](?:exp|sig)=/.test(pathAndQuery)) throw new SigningError('this URL is signed already');
  const signed = `${pathAndQuery}${pathAndQuery.includes('?') ? '&' : '?'}exp=${end}`;
  const tag = await crypto.subtle.sign('HMAC', await hmacKey(secret, 'sign'), utf8(signed));
  const encoded = toBase64(tag).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  return `${origin}${signed}&sig=${key.id}.${encoded}`;
}

/** Spelt as browsers will spell it: a signature is over exactly these bytes. */
function parts(url: string): { origin: string; pathAndQuery: string } {
  const isLocal = /^\/(?![/\\])/.test(url);
  let parsed: URL;
  try {
    parsed = new URL(url, isLocal ? 'http://local.invalid' : undefined);
  } catch {
    throw new SigningError('no URL, and no path from / on');
  }
  if (!/^https?:$/.test(parsed.protocol)) throw new SigningError('no URL of http or https');
  return { origin: isLocal ? '' : parsed.origin, pathAndQuery: parsed.pathname + parsed.search };
}
