// What a `src` names, and how tintype is asked for it. Pure: no state, no globals, the same in browsers and on servers.

/** What `next/image` gives to a loader. */
export interface LoaderProps {
  src: string;
  width: number;
  /** 1 to 100; 75 where it is not given. */
  quality?: number | undefined;
}

/** Makes the URL of a picture at a width. */
export type Loader = (props: LoaderProps) => string;

/** How tintype is asked: its own `/image/…`, Next's `/_next/image`, or Supabase's render URLs. */
export type Dialect = 'native' | 'next' | 'supabase';

export interface LoaderOptions {
  /** Where tintype answers, such as `https://images.example.com`; empty: the page's own origin. */
  base?: string | undefined;
  /** Default: `supabase`. */
  dialect?: Dialect | undefined;
  /**
   * Whose public objects are asked of `base`, beside its own: hosts (`api.example.com`, `*.example.com`) or URLs.
   * Default: `*.supabase.co`.
   */
  allowed?: readonly string[] | undefined;
  /** The bucket of local `src` such as `/cats/a.jpg`. Default: none, local pictures stay where they are. */
  bucket?: string | undefined;
}

export const DEFAULT_QUALITY = 75;

/** The paths below which a tintype and a Supabase show public objects. */
const PUBLIC_ROUTE = /^\/(?:storage\/v1\/(?:object|render\/image)\/public|image)\/(?=[^/]+\/[^/])/;
const ABSOLUTE = /^(?:[a-z][a-z\d+.-]*:|\/\/)/i;

/** A URL in pieces, each as it was written. */
interface Pieces {
  path: string;
  /** Without its `?`. */
  query: string;
  /** With its `#`. */
  fragment: string;
}

/** A place where objects are: a host, which may begin with `*.`, and the path before the routes. */
interface Place {
  host: string;
  path: string;
}

function pieces(text: string): Pieces {
  const [, path = '', query = '', fragment = ''] = /^([^?#]*)(?:\?([^#]*))?(#[^]*)?$/.exec(text) ?? [];
  return { path, query, fragment };
}

const withoutSlash = (text: string) => text.replace(/\/+$/, '');

function parsed(url: string): URL | undefined {
  try {
    return new URL(url, 'http://page.invalid');
  } catch {
    return undefined;
  }
}

function place(text: string): Place | undefined {
  // A star is no character of a URL's host everywhere.
  const [, star = '', rest = ''] = /^(?:[a-z]+:)?(?:\/\/)?(\*\.)?(.*)$/i.exec(text) ?? [];
  const url = rest && !rest.startsWith('/') ? parsed(`${/^http:/i.test(text) ? 'http' : 'https'}://${rest}`) : undefined;
  return url && { host: star + url.host, path: withoutSlash(url.pathname) };
}

function isAt(url: URL, { host, path }: Place): boolean {
  const sameHost = host.startsWith('*.') ? url.host.endsWith(host.slice(1)) : url.host === host;
  return sameHost && url.pathname.startsWith(`${path}/`);
}

/** `bucket/key`, percent-encoded, of a path below a place; `undefined` where no public object can be. */
function objectAt(path: string): string | undefined {
  const route = PUBLIC_ROUTE.exec(path)?.[0];
  return route && path.slice(route.length);
}

/** Encodes what no URL may have; what is encoded already stays. `undefined` for text that cannot be in a URL at all. */
function encoded(path: string): string | undefined {
  try {
    return encodeURI(path).replace(/%25(?=[\da-f]{2})/gi, '%');
  } catch {
    return undefined;
  }
}

const STEPS_ASIDE = /(?:^|\/)(?:\.|%2e){1,2}(?:\/|$)|\\|\/\/|%2f|%5c/i;

/** The object that `path` names in a bucket, or with its bucket; `undefined`: browsers would ask for something else. */
export function objectOf(path: string): string | undefined {
  if (!/^[^/]+\/[^/]/.test(path) || STEPS_ASIDE.test(path)) return undefined;
  return encoded(path);
}

/** Two names of one parameter: which of them is written depends on the dialect that the URL came from. */
const OTHER_NAMES: Record<string, string> = { w: 'width', width: 'w', q: 'quality', quality: 'q' };

/** Sets parameters in a query, each once: of what is there already, the same ones go, and the rest stays as written. */
export function withParameters(query: string, parameters: Record<string, string | number | undefined>): string {
  const set = Object.entries(parameters).filter(([, value]) => value !== undefined);
  const isSet = (given: string) => set.some(([name]) => name === given || OTHER_NAMES[name] === given);
  const kept = query.split('&').filter((part) => part && !isSet(part.split('=')[0] ?? ''));
  return [...kept, ...set.map(([name, value]) => `${name}=${encodeURIComponent(value as string | number)}`)].join('&');
}

/** What a `src` is. */
type Named =
  | { kind: 'object'; object: string; query: string; fragment: string }
  | ({ kind: 'local' } & Pieces)
  | { kind: 'allowed' }
  | { kind: 'foreign' };

/** Reads every `src` by the same rules. */
export function reader({ base = '', allowed = ['*.supabase.co'], bucket }: LoaderOptions): (src: string) => Named {
  const places = [base, ...allowed].map(place).filter((known): known is Place => known !== undefined);
  const ownPath = ABSOLUTE.test(base) ? '' : withoutSlash(base);

  const absolute = (src: string): Named => {
    const url = /^(?:https?:)?\/\//i.test(src) ? parsed(src) : undefined;
    const known = url && places.filter((known) => isAt(url, known)).sort((a, b) => b.path.length - a.path.length)[0];
    if (!url || !known) return { kind: 'foreign' };
    const object = objectAt(url.pathname.slice(known.path.length));
    if (!object || STEPS_ASIDE.test(object)) return { kind: 'allowed' };
    return { kind: 'object', object, query: url.search.slice(1), fragment: url.hash };
  };

  const local = (src: string): Named => {
    const { path, query, fragment } = pieces(src);
    // Below our own route of public objects: an app behind one origin with tintype. `/image/` may well be the app's.
    const below = path.startsWith(`${ownPath}/storage/v1/`) ? objectAt(path.slice(ownPath.length)) : undefined;
    const rooted = path.startsWith('/');
    const inBucket = () => (bucket ? `${bucket}/${path.replace(/^\//, '')}` : rooted ? '' : path);
    const object = objectOf(below ?? inBucket());
    return object ? { kind: 'object', object, query, fragment } : { kind: 'local', path, query, fragment };
  };

  return (src) => (ABSOLUTE.test(src) ? absolute(src) : local(src));
}

const asked = (path: string, query: string, fragment: string) => path + (query && `?${query}`) + fragment;

/**
 * Makes a loader: public objects, bare `bucket/path` and (with `bucket`) local pictures become URLs of `base` in the dialect;
 * other local pictures get `?w=&q=`; other hosts, `data:` and `blob:` pass unchanged.
 */
export function createLoader(options: LoaderOptions = {}): Loader {
  const { dialect = 'supabase' } = options;
  const base = withoutSlash(options.base ?? '');
  const read = reader(options);
  return ({ src, width, quality }) => {
    const q = quality || DEFAULT_QUALITY;
    const named = read(src);
    if (dialect === 'next') {
      const url = named.kind === 'object' ? asked(`/${named.object}`, named.query, '') : src;
      if (named.kind === 'foreign') return src;
      return `${base}/_next/image?${withParameters('', { url, w: width, q })}`;
    }
    if (named.kind === 'local') return asked(named.path, withParameters(named.query, { w: width, q }), named.fragment);
    if (named.kind !== 'object') return src;
    const { object, query, fragment } = named;
    return dialect === 'native'
      ? asked(`${base}/image/${object}`, withParameters(query, { w: width, q }), fragment)
      : asked(`${base}/storage/v1/render/image/public/${object}`, withParameters(query, { width, quality: q }), fragment);
  };
}
