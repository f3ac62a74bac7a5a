// The requests beside the stream.

import { environmentBase } from '../environment.js';
import { AvatarError, type AvatarConnection, type SupabaseLike } from './types.js';

export const FUNCTION = 'generate-kinkster-avatar';

/** Parts of supabase-js that its types keep to themselves. */
interface Inside {
  supabaseUrl?: string;
  accessToken?: () => Promise<string | null>;
  auth?: { getSession(): Promise<{ data: { session: { access_token: string } | null } }> };
}

const inside = (supabase: SupabaseLike) => supabase as unknown as Inside;

export function baseOf({ base, supabase }: AvatarConnection): string {
  return (base ?? (supabase && inside(supabase).supabaseUrl) ?? environmentBase() ?? '').replace(/\/+$/, '');
}

/** The caller's token; `undefined`: the session cookie has to do. */
export async function tokenOf({ accessToken, supabase }: AvatarConnection): Promise<string | undefined> {
  if (accessToken) return await accessToken() ?? undefined;
  if (!supabase) return undefined;
  const { accessToken: given, auth } = inside(supabase);
  // With a function of the app's own, `auth` throws at any touch.
  if (given) return await given() ?? undefined;
  return (await auth?.getSession())?.data.session?.access_token;
}

/** Whether anything but a cookie says who is calling. */
export const hasToken = ({ accessToken, supabase }: AvatarConnection) => Boolean(accessToken ?? supabase);

export async function headersOf(connection: AvatarConnection): Promise<Record<string, string>> {
  const token = await tokenOf(connection);
  return {
    ...(token ? { authorization: `Bearer ${token}` } : {}),
    ...(connection.apikey ? { apikey: connection.apikey } : {}),
  };
}

/** Milliseconds for one request. */
const PATIENCE = 30_000;

interface Call {
  method: 'GET' | 'POST';
  path: string;
  body?: Record<string, unknown> | undefined;
  headers?: Record<string, string> | undefined;
  signal?: AbortSignal | undefined;
}

/** The JSON of an answer; throws an {@link AvatarError} for refusals, and where nobody answers. */
export async function call(connection: AvatarConnection, { method, path, body, headers, signal }: Call): Promise<Record<string, unknown>> {
  const ending = new AbortController();
  const end = () => ending.abort();
  const timer = setTimeout(end, PATIENCE);
  signal?.addEventListener('abort', end);
  try {
    const answer = await fetch(baseOf(connection) + path, {
      method,
      // A cookie counts only beside this type.
      headers: { ...await headersOf(connection), 'content-type': 'application/json', ...headers },
      ...(body ? { body: JSON.stringify(body) } : {}),
      cache: 'no-store',
      signal: ending.signal,
    });
    const said = Object(await answer.json().catch(() => ({}))) as Record<string, unknown>;
    if (!answer.ok) throw refusal(answer, said);
    return said;
  } catch (fault) {
    throw fault instanceof AvatarError ? fault : new AvatarError('The server cannot be reached');
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', end);
  }
}

export function refusal(answer: { status: number; headers: Headers }, said: Record<string, unknown>): AvatarError {
  const text = typeof said['error'] === 'string' ? said['error'] : `The server answered ${answer.status}`;
  const wait = Number(answer.headers.get('retry-after'));
  return new AvatarError(text, answer.status, said['details'], wait > 0 ? wait : undefined);
}

/** Takes a job on. Answers what the server said: `job_id`, `prompt`, … */
export async function ask(connection: AvatarConnection, body: Record<string, unknown>, key: string): Promise<Record<string, unknown>> {
  const headers = { 'idempotency-key': key };
  const { supabase } = connection;
  if (!supabase) {
    // The function takes no cookies.
    const path = hasToken(connection) ? `/functions/v1/${FUNCTION}` : '/api/avatars/jobs';
    return call(connection, { method: 'POST', path, body, headers });
  }
  const { data, error } = await supabase.functions.invoke(FUNCTION, { body, headers });
  if (!error) return Object(data) as Record<string, unknown>;
  const { context, message } = error as { context?: unknown; message?: string };
  if (!(context instanceof Response)) throw new AvatarError(message ?? 'The server cannot be reached');
  throw refusal(context, Object(await context.json().catch(() => ({}))) as Record<string, unknown>);
}
