// URLs of pictures outside `next/image`.

import { environmentBase } from './environment.js';
import loaderOfEnvironment from './loader.js';
import { reader, withParameters, type Loader, type LoaderOptions } from './urls.js';

export type Fit = 'cover' | 'contain' | 'inside' | 'fill' | 'outside';
export type Gravity =
  | 'center' | 'north' | 'northeast' | 'east' | 'southeast' | 'south' | 'southwest' | 'west' | 'northwest' | 'smart'
  | `fp:${number},${number}`;

/** What a native URL can ask for. Nothing at all is the original. */
export interface ImageParameters {
  /** 1 to 8192 pixels, after `dpr`. One side alone scales in proportion; nothing is enlarged. */
  width?: number | undefined;
  height?: number | undefined;
  fit?: Fit | undefined;
  /** 1 to 100; 75 where it is not given. */
  quality?: number | undefined;
  /** Default: by the browser's `Accept`. */
  format?: 'auto' | 'avif' | 'webp' | 'jpeg' | 'png' | 'origin' | undefined;
  /** 1 to 3 in half steps. */
  dpr?: number | undefined;
  gravity?: Gravity | undefined;
  /** Sigma in pixels, 0 to 100. */
  blur?: number | undefined;
  /** `rrggbb`: flattens transparency. */
  background?: string | undefined;
  /** 0: the first frame of an animation. */
  frame?: 0 | undefined;
  /** A transform that the operator named, in place of the above. */
  preset?: string | undefined;
  /** The object's version: the answer is then immutable. */
  version?: string | undefined;
  /** Answers as an attachment, by this name if it is one. */
  download?: string | true | undefined;
}

/** Where the objects are: what a loader is told, without its dialect. */
export type Place = Omit<LoaderOptions, 'dialect'>;

/** The native path and query of a public object that `src` names, as a loader reads it. Throws a TypeError if it names none. */
export function objectUrl(src: string, place: Place, parameters: Record<string, string | number | undefined>): string {
  const base = (place.base ?? environmentBase() ?? '').replace(/\/+$/, '');
  const named = reader({ ...place, base })(src);
  if (named.kind !== 'object') throw new TypeError(`this src names no object of a bucket: ${src.slice(0, 200)}`);
  const query = withParameters(named.query, parameters);
  return `${base}/image/${named.object}${query && `?${query}`}`;
}

/** The native URL of a public object: `bucket/key`, or its public URL. Throws a TypeError for anything else. */
export function imageUrl(src: string, parameters: ImageParameters = {}, place: Place = {}): string {
  const { width: w, height: h, fit, quality: q, format: f, dpr, gravity: g, blur, background, frame, preset, version: v } = parameters;
  const bg = background?.replace(/^#/, '');
  const download = parameters.download === true ? '' : parameters.download;
  return objectUrl(src, place, { w, h, fit, q, f, dpr, g, blur, bg, frame, preset, v, download });
}

/** The widths of `next/image` for pictures that fill the page. */
export const DEVICE_WIDTHS = [640, 750, 828, 1080, 1200, 1920, 2048, 3840] as const;

export interface SourceSetOptions {
  src: string;
  /** A picture of fixed width in CSS pixels: the candidates are for screens of single and double density. */
  width?: number | undefined;
  /** Candidates' widths in pixels, for a `sizes` beside them. Default: {@link DEVICE_WIDTHS}. */
  widths?: readonly number[] | undefined;
  quality?: number | undefined;
  /** Default: the one of the environment. */
  loader?: Loader | undefined;
}

/** The `srcset` of an `<img>`; `undefined` where the loader leaves `src` as it is, which has one size only. */
export function srcSet({ src, width, widths = DEVICE_WIDTHS, quality, loader = loaderOfEnvironment }: SourceSetOptions): string | undefined {
  const url = (pixels: number) => loader({ src, width: pixels, quality });
  if (width !== undefined) {
    const single = Math.round(width);
    return url(single) === src ? undefined : `${url(single)} 1x, ${url(single * 2)} 2x`;
  }
  const sorted = [...new Set(widths)].sort((one, other) => one - other);
  if (!sorted.length || url(sorted[0]!) === src) return undefined;
  return sorted.map((pixels) => `${url(pixels)} ${pixels}w`).join(', ');
}
