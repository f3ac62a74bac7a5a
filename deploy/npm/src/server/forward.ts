// A route handler in front of tintype: pictures from the app's own origin.

export interface ForwardOptions {
  /** Where tintype answers. */
  base: string;
  /** What the app's route has before tintype's path: `/pictures` for a handler at `/pictures/[...path]`. */
  prefix?: string | undefined;
  /** Which paths are forwarded, by how they begin. Default: public pictures in every dialect. */
  paths?: readonly string[] | undefined;
  /** Default: GET and HEAD. */
  methods?: readonly string[] | undefined;
  /** Whether the caller's `Authorization` and `apikey` go along; cookies never do. Default: no. */
  credentials?: boolean | undefined;
  /** Put in place of the caller's own headers of these names. */
  headers?: Record<string, string> | undefined;
  /** Milliseconds until tintype must have begun to answer; default 30,000. */
  timeout?: number | undefined;
}

/** What is asked without a token. */
const PUBLIC_PATHS = ['/image/', '/storage/v1/render/image/public/', '/storage/v1/object/public/', '/_next/image'];

/** What says how the answer is wanted; nothing else of a browser's headers is tintype's business. */
const SENT = ['accept', 'content-type', 'if-match', 'if-modified-since', 'if-none-match', 'if-range', 'if-unmodified-since', 'range', 'idempotency-key'];
const CREDENTIALS = ['authorization', 'apikey', 'x-client-info'];

/** Headers of one connection, and those that are no longer true of a body that was decoded on its way. */
const DROPPED = ['connection', 'keep-alive', 'proxy-authenticate', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'set-cookie'];

/** Asks tintype what the request asks, and answers what it answers, as a stream. */
export async function forward(request: Request, options: ForwardOptions): Promise<Response> {
  const { base, prefix = '', paths = PUBLIC_PATHS, methods = ['GET', 'HEAD'], timeout = 30_000 } = options;
  if (!methods.includes(request.method)) return refusal(405, 'this method is not forwarded', { allow: methods.join(', ') });
  // A URL is normal once it is parsed: `..` and its spellings are gone.
  const { pathname, search } = new URL(request.url);
  const path = pathname.startsWith(prefix) ? pathname.slice(prefix.length) : '';
  if (!paths.some((known) => path.startsWith(known)) || /%2f|%5c|\\/i.test(path)) return refusal(404, 'this path is not forwarded');
  const ending = new AbortController();
  const leave = () => ending.abort(request.signal.reason);
  request.signal.addEventListener('abort', leave);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    ending.abort();
  }, timeout);
  try {
    const init: RequestInit & { duplex?: 'half' } = {
      method: request.method,
      headers: sentHeaders(request.headers, options),
      // Where it leads is for the browser to follow: from here it might lead anywhere.
      redirect: 'manual',
      // Next would keep answers of its own accord; tintype's own headers say what may be kept.
      cache: 'no-store',
      signal: ending.signal,
    };
    if (request.body) Object.assign(init, { body: request.body, duplex: 'half' });
    return answered(await fetch(base.replace(/\/+$/, '') + path + search, init));
  } catch {
    if (request.signal.aborted) throw request.signal.reason;
    return late ? refusal(504, 'tintype does not answer in time') : refusal(502, 'tintype cannot be reached');
  } finally {
    clearTimeout(timer);
  }
}

function sentHeaders(given: Headers, { credentials, headers = {} }: ForwardOptions): Headers {
  const sent = new Headers();
  for (const name of credentials ? [...SENT, ...CREDENTIALS] : SENT) {
    const value = given.get(name);
    if (value !== null) sent.set(name, value);
  }
  for (const [name, value] of Object.entries(headers)) sent.set(name, value);
  return sent;
}

function answered(answer: Response): Response {
  const headers = new Headers(answer.headers);
  DROPPED.forEach((name) => headers.delete(name));
  // `fetch` has decoded it.
  if (headers.has('content-encoding')) ['content-encoding', 'content-length'].forEach((name) => headers.delete(name));
  return new Response(answer.body, { status: answer.status, statusText: answer.statusText, headers });
}

function refusal(status: number, detail: string, more: Record<string, string> = {}): Response {
  const headers = { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...more };
  return new Response(JSON.stringify({ status, detail }), { status, headers });
}
